//! What is kept of queues and messages: numbers of 8 bytes, the highest first, and behind those of a message its payload.

/// How often a message is delivered, and for how long, unless the queue is configured.
pub(crate) const DELIVERIES_MAX: u64 = 5;
pub(crate) const VISIBILITY_MS: u64 = 30_000;

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The number of the last message.
    pub(crate) last_id: u64,
    /// Messages that wait to be delivered.
    pub(crate) ready: u64,
    /// Messages that are delivered and not acknowledged, or delayed.
    pub(crate) hidden: u64,
    /// Dead letters.
    pub(crate) dead: u64,
    /// So often a message is delivered before it becomes a dead letter.
    pub(crate) deliveries_max: u64,
    /// So long after a delivery a message comes back, unless the one who takes it says otherwise.
    pub(crate) visibility_ms: u64,
}

impl Default for Record {
    fn default() -> Self {
        let (deliveries_max, visibility_ms) = (DELIVERIES_MAX, VISIBILITY_MS);
        Self { last_id: 0, ready: 0, hidden: 0, dead: 0, deliveries_max, visibility_ms }
    }
}

impl Record {
    pub(crate) fn write(&self) -> Vec<u8> {
        let Self { last_id, ready, hidden, dead, deliveries_max, visibility_ms } = self;
        [last_id, ready, hidden, dead, deliveries_max, visibility_ms]
            .into_iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (numbers, _) = bytes.as_chunks();
        let [last_id, ready, hidden, dead, deliveries_max, visibility_ms] =
            numbers.iter().map(|number| u64::from_be_bytes(*number)).collect::<Vec<_>>().try_into().ok()?;
        Some(Self { last_id, ready, hidden, dead, deliveries_max, visibility_ms })
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// How often it was delivered.
    pub(crate) deliveries: u64,
    /// When it comes back; 0 when it waits or is a dead letter.
    pub(crate) back_ms: u64,
    pub(crate) payload: Vec<u8>,
}

impl Message {
    pub(crate) fn write(&self) -> Vec<u8> {
        [&self.deliveries.to_be_bytes()[..], &self.back_ms.to_be_bytes(), &self.payload].concat()
    }

    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (deliveries, rest) = bytes.split_first_chunk()?;
        let (back_ms, payload) = rest.split_first_chunk()?;
        let (deliveries, back_ms) = (u64::from_be_bytes(*deliveries), u64::from_be_bytes(*back_ms));
        Some(Self { deliveries, back_ms, payload: payload.to_vec() })
    }
}
