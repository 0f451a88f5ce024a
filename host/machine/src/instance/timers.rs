use super::WasmInstance;
use bytes::Bytes;
use quorate_replica::{
    Overlay,
    ports::{Call, HostFault, Outcome, Trap, TrapKind},
};
use quorate_vocabulary::Position;

/// What `fired` answers.
type Answer = (Result<(), Vec<u8>>,);

impl WasmInstance {
    /// Tells the plugin that a timer fires.
    pub(super) fn fire(
        &mut self,
        position: Position,
        id: u64,
        store: Overlay,
    ) -> Result<(Call, Overlay), HostFault> {
        let function = self.plugin.exports.fired;
        let function =
            function.ok_or_else(|| HostFault::because("a timer fired of a plugin that has no timers"))?;
        let terms = self.apply_terms(position);
        self.store.data_mut().store = Some(store);
        let parameters = (position.index, position.ordinal, position.time_ms, id);
        let ended = self.call::<_, Answer>(&function, parameters, &terms)?;
        let max = self.store.data().limits.reply_bytes_max;
        let (outcome, fuel) = match ended {
            Ok(((Err(answer),), _)) if u64::try_from(answer.len()).unwrap_or(u64::MAX) > max => {
                self.spent = true;
                let message = format!("the rejection has {} bytes, and the group allows {max}", answer.len());
                (Outcome::Trapped(Trap { kind: TrapKind::LimitExceeded, message }), terms.fuel)
            }
            Ok(((Ok(()),), fuel)) => (Outcome::Reply(Bytes::new()), fuel),
            Ok(((Err(rejection),), fuel)) => (Outcome::Rejection(rejection.into()), fuel),
            Err(trap) => (Outcome::Trapped(trap), terms.fuel),
        };
        let call = self.ended(outcome, fuel);
        Ok((call, self.take_overlay()?))
    }
}
