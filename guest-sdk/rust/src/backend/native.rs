//! In a unit test the host is the one of the harness that is calling the machine.

pub(crate) use crate::testing::host::{
    emit, group, log, propose, random, snapshot_read, snapshot_write, store_delete, store_delete_range,
    store_get, store_put, store_scan,
};
