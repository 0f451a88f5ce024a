//! The system state machine of group 0: nodes, plugins and groups.
