use std::{error::Error, fmt, io};

/// A failure of the host itself: a disk, memory, a cache, the watchdog, a bug.
///
/// It is never the outcome of a command, because other replicas do not share it. It stops this replica, and the
/// group goes on without it.
#[derive(Debug)]
pub struct HostFault {
    doing: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    is_no_room: bool,
}

impl HostFault {
    /// A fault met while `doing` something ("reading the state of group 7"), because of `source`.
    pub fn new(doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), source: Some(source.into()), is_no_room: false }
    }

    /// A fault that `what` says all of.
    pub fn because(what: impl Into<String>) -> Self {
        Self { doing: what.into(), source: None, is_no_room: false }
    }

    /// There is no room for another instance on this node, for now; `what` says all of it.
    pub fn no_room(what: impl Into<String>) -> Self {
        Self { is_no_room: true, ..Self::because(what) }
    }

    /// Whether it is that there was no room for another instance: once some have ended, the same may go well.
    #[must_use]
    pub fn is_no_room(&self) -> bool {
        self.is_no_room
    }

    /// What failed, for whoever tells one failure from another.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl fmt::Display for HostFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.doing)?;
        match &self.source {
            Some(source) => write!(formatter, ": {source}"),
            None => Ok(()),
        }
    }
}

// The source stands in the message already: giving it again would print it twice.
impl Error for HostFault {}

impl From<io::Error> for HostFault {
    fn from(error: io::Error) -> Self {
        Self::new("reading or writing", error)
    }
}
