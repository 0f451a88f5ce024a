//! Real processes on loopback: the harness and the suite.
