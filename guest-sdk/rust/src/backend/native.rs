//! In a unit test the host is the one of the harness that is calling the machine.

pub(crate) use crate::testing::host::{
    cancel_timer, emit, group, log, propose, random, set_timer, snapshot_read, snapshot_write, store_delete,
    store_delete_range, store_get, store_put, store_scan,
};
