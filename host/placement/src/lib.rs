//! Where replicas belong: facts in, instructions out.
