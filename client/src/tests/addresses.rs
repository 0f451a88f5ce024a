use super::support::{FakeNode, config, nobody, soon};
use crate::{Client, ClientConfig, reason};
use tonic::Code;

#[tokio::test]
async fn connecting_takes_the_first_node_that_is_there() {
    let node = FakeNode::start().await;
    node.status.answers(|_| Ok(Default::default()));
    let addresses = [nobody().await, node.address.clone()];
    let client = soon("connected", Client::connect_with(addresses, config())).await.expect("connected");
    client.node_status().await.expect("answered");
    assert_eq!(node.status.calls(), 1);
}

#[tokio::test]
async fn connecting_to_nobody_says_where_nobody_was() {
    let address = nobody().await;
    let error = soon("given up", Client::connect([&address])).await.expect_err("nobody is there");
    assert_eq!((error.code, error.reason.as_str()), (Code::Unavailable, reason::UNREACHABLE));
    assert!(error.message.contains(&address), "{error}");
    assert!(!error.cause.is_empty() && !error.cure.is_empty());
}

#[tokio::test]
async fn no_address_and_no_real_address_are_refused() {
    for addresses in [vec![], vec!["no address"], vec!["127.0.0.1:7400", "127.0.0.1"]] {
        let error = Client::lazy(&addresses, ClientConfig::default()).expect_err("refused");
        assert_eq!(error.reason, reason::INVALID_ARGUMENT, "{addresses:?}");
    }
}

#[tokio::test]
async fn the_same_address_twice_is_one() {
    let client = Client::lazy(["a:1", "http://a:1", "b:1"], ClientConfig::default()).expect("addresses");
    assert_eq!(client.addresses(), ["a:1", "b:1"]);
}
