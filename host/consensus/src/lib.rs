//! Sans-IO multi-group Raft: inputs in, effects out.
