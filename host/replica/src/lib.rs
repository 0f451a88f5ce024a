//! What a replica does with committed entries, as pure code over ports.
