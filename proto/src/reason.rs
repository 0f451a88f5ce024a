//! The stable codes of errors: the `reason` of a `google.rpc.ErrorInfo`. Each has a page in `docs/errors/`.

/// The domain that stands beside every reason.
pub const DOMAIN: &str = "quorate";
