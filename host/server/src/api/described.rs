//! Messages too large for any call are refused by gRPC itself, with a bare status. This gives it a reason, as every
//! other error has one.

use super::{ApiError, MESSAGE_BYTES_MAX};
use futures::{FutureExt, future::BoxFuture};
use std::{
    convert::Infallible,
    task::{Context, Poll},
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Service, http},
    server::NamedService,
};

const QUERY_PATH: &str = "/quorate.v1.Commands/Query";

/// A service whose errors all have a reason.
#[derive(Clone, Debug)]
pub(super) struct Described<S>(pub(super) S);

impl<S: NamedService> NamedService for Described<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<http::Request<Body>> for Described<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let query = request.uri().path() == QUERY_PATH;
        self.0
            .call(request)
            .map(move |response| {
                let response = response?;
                // Only an answer that is an error from the start has its status among the headers.
                let refused =
                    Status::from_header_map(response.headers()).and_then(|status| too_large(&status, query));
                Ok(refused.map_or(response, |error| Status::from(error).into_http()))
            })
            .boxed()
    }
}

/// What a status says that gRPC gave because a message was too large.
pub(super) fn too_large(status: &Status, query: bool) -> Option<ApiError> {
    (status.code() == Code::OutOfRange && status.details().is_empty())
        .then_some(ApiError::MessageTooLarge { query, bytes_max: MESSAGE_BYTES_MAX })
}
