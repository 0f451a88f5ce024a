//! Builds plugins from source, with whatever toolchain the machine has.
