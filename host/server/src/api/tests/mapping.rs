use crate::{LeaderHint, RequestError, api::ApiError};
use quorate_proto::reason;
use quorate_vocabulary::{GroupId, NodeId};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

fn examples() -> Vec<ApiError> {
    let group = GroupId(7);
    let text = || "text".to_owned();
    let requests = [
        RequestError::NotLeader { group, leader: None },
        RequestError::GroupNotFound { name: text() },
        RequestError::GroupNotReady { group, why: text() },
        RequestError::ReplicaFailed { group, why: text() },
        RequestError::PluginNotFound { reference: text() },
        RequestError::NodeNotFound { node: NodeId(1) },
        RequestError::RecoveryRefused { name: "a/b".parse().expect("a name"), why: text() },
        RequestError::NameTaken { name: "a/b".parse().expect("a name") },
        RequestError::VersionTaken { reference: "a/b@1".parse().expect("a reference") },
        RequestError::PluginInUse { reference: text(), group: text() },
        RequestError::CommandTooLarge { group, bytes: 2, bytes_max: 1 },
        RequestError::RequestTooLarge { group, bytes: 2, bytes_max: 1 },
        RequestError::Overloaded { queue: "the inbox" },
        RequestError::NoQuorum { group, why: "nothing came", waited: Duration::from_secs(1) },
        RequestError::DeadlineExceeded { what: text(), waited: Duration::from_secs(1) },
        RequestError::OutcomeUnknown { group, why: "it was lost" },
        RequestError::PluginRefused { reason: reason::PLUGIN_NOT_WASM, why: text(), cure: text() },
        RequestError::InvalidArgument { what: "field", why: text() },
        RequestError::NotEnoughNodes { wanted: 3, available: 1, why: text() },
        RequestError::CatalogRefused { why: text() },
        RequestError::StorageFull { node: NodeId(1), why: text() },
        RequestError::FolderLost { node: NodeId(3), by: NodeId(1) },
        RequestError::QueryFailed { why: text() },
        RequestError::ShuttingDown,
        RequestError::Internal { why: text() },
    ];
    let name = "no".parse::<quorate_vocabulary::GroupName>().expect_err("no name");
    let mut examples: Vec<ApiError> = requests.into_iter().map(ApiError::from).collect();
    examples.extend([
        ApiError::Name { field: "name", error: name },
        ApiError::MessageTooLarge { query: true, bytes_max: 1 },
        ApiError::MessageTooLarge { query: false, bytes_max: 1 },
        ApiError::BehindFailure,
        ApiError::UploadBroken { why: text() },
    ]);
    examples
}

#[test]
fn every_error_has_a_documented_reason_a_cause_and_a_cure_on_the_wire() {
    for error in examples() {
        let status = Status::from(error.clone());
        let info = status.get_details_error_info().expect("an ErrorInfo");
        assert!(reason::ALL.contains(&info.reason.as_str()), "{} has no page", info.reason);
        assert_eq!(info.domain, reason::DOMAIN);
        for key in [reason::metadata::CAUSE, reason::metadata::CURE] {
            assert!(info.metadata.get(key).is_some_and(|text| !text.is_empty()), "{}: {key}", info.reason);
        }
        assert_ne!(status.code(), Code::Ok);
        assert!(!status.message().is_empty());

        let failure = error.to_failure();
        assert_eq!(failure.code, u32::try_from(i32::from(status.code())).expect("small"));
        assert_eq!((failure.message.as_str(), failure.reason), (status.message(), info.reason));
        assert_eq!(failure.metadata, info.metadata);
    }
}

#[test]
fn the_leader_is_named_in_the_metadata() {
    let leader = LeaderHint { node: NodeId(3), address: "three:7300".to_owned() };
    let status =
        Status::from(ApiError::from(RequestError::NotLeader { group: GroupId(7), leader: Some(leader) }));
    assert_eq!(status.code(), Code::Unavailable);
    let metadata = status.get_details_error_info().expect("an ErrorInfo").metadata;
    assert_eq!(metadata.get(reason::metadata::LEADER_NODE).map(String::as_str), Some("3"));
    assert_eq!(metadata.get(reason::metadata::LEADER_ADDRESS).map(String::as_str), Some("three:7300"));
}

#[test]
fn an_unknown_outcome_has_a_code_that_no_client_retries_blindly() {
    let status =
        Status::from(ApiError::from(RequestError::OutcomeUnknown { group: GroupId(7), why: "lost" }));
    assert_eq!(status.code(), Code::Aborted);
}
