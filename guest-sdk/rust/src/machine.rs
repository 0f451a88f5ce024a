use crate::{Context, Host, Rejection, Reply, SnapshotReader, SnapshotWriter, Store, StoreView};
use std::io;

/// A machine that keeps its state in an ordered store which the host holds for it.
///
/// Each log entry runs on an instance of its own, so the type has no state: an empty struct will do. Export it with
/// [`export_store_machine!`](crate::export_store_machine).
pub trait StoreMachine: Default {
    /// Applies one committed command, on every replica alike.
    ///
    /// # Errors
    /// A rejection is an answer too; what the command wrote is dropped.
    fn apply(&self, context: &Context, store: &mut Store, command: &[u8]) -> Result<Reply, Rejection>;

    /// Answers one query. It is not in the log, and changes nothing.
    ///
    /// # Errors
    /// A rejection says that the request has no answer, and why.
    fn query(&self, host: &Host, store: &StoreView, request: &[u8]) -> Result<Reply, Rejection>;
}

/// A machine that keeps its state in its own fields.
///
/// Export it with [`export_memory_machine!`](crate::export_memory_machine).
pub trait MemoryMachine: Sized {
    /// The state before the first command.
    fn new() -> Self;

    /// Applies one committed command, on every replica alike.
    ///
    /// # Errors
    /// A rejection is an answer too. The state must then be as it was before: look first, change last.
    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection>;

    /// Answers one query. It is not in the log, and changes nothing.
    ///
    /// # Errors
    /// A rejection says that the request has no answer, and why.
    fn query(&self, host: &Host, request: &[u8]) -> Result<Reply, Rejection>;

    /// Writes the whole state. Equal states must give equal bytes, on every replica.
    ///
    /// # Errors
    /// When the state cannot be written; the replica then says why and stops.
    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()>;

    /// Reads the whole state, as [`save`](Self::save) wrote it.
    ///
    /// # Errors
    /// When what is read is no state of this machine; the replica then says why and stops.
    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self>;
}
