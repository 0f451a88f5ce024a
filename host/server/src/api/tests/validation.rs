use crate::api::{ApiError, PAGE_SIZE_MAX, validate, watch};
use quorate_proto::{reason, v1};
use quorate_vocabulary::NodeId;

fn create() -> v1::CreateGroupRequest {
    v1::CreateGroupRequest {
        name: "acme/users".to_owned(),
        plugin: "acme/kv@1".to_owned(),
        ..v1::CreateGroupRequest::default()
    }
}

fn refused(request: &v1::CreateGroupRequest) -> (&'static str, String) {
    let error = validate::create_group(request).expect_err("refused");
    (error.reason(), error.to_string())
}

#[test]
fn a_group_is_created_with_defaults_for_what_is_not_said() {
    let group = validate::create_group(&create()).expect("good");
    assert_eq!((group.replicas, group.nodes.len()), (None, 0));
    assert_eq!(group.limits, quorate_replica::ports::GroupLimits::default());

    let limits = v1::GroupLimits { events_per_command_max: Some(0), ..v1::GroupLimits::default() };
    let request = v1::CreateGroupRequest { nodes: vec![3, 1], limits: Some(limits), ..create() };
    let group = validate::create_group(&request).expect("good");
    assert_eq!((group.replicas, group.nodes), (Some(2), vec![NodeId(1), NodeId(3)]));
    assert_eq!(group.limits.events_per_command_max, 0);
}

#[test]
fn a_group_that_cannot_be_is_refused_with_the_field_named() {
    let limits = v1::GroupLimits { memory_bytes_max: Some(1), ..v1::GroupLimits::default() };
    let tables = v1::GroupLimits { table_elements_max: Some(100_001), ..v1::GroupLimits::default() };
    for (request, part) in [
        (v1::CreateGroupRequest { nodes: vec![1, 1], ..create() }, "nodes"),
        (v1::CreateGroupRequest { nodes: vec![0], ..create() }, "nodes"),
        (v1::CreateGroupRequest { nodes: vec![1, 2], replicas: 3, ..create() }, "nodes"),
        (v1::CreateGroupRequest { replicas: 8, ..create() }, "replicas"),
        (v1::CreateGroupRequest { limits: Some(limits), ..create() }, "memory_bytes_max"),
        (v1::CreateGroupRequest { checkpoints: 9, ..create() }, "checkpoints"),
        (v1::CreateGroupRequest { limits: Some(tables), ..create() }, "table_elements_max"),
    ] {
        let (code, text) = refused(&request);
        assert_eq!(code, reason::INVALID_ARGUMENT, "{text}");
        assert!(text.contains(part), "{text}");
    }
    for request in [
        v1::CreateGroupRequest { name: "Users".to_owned(), ..create() },
        v1::CreateGroupRequest { plugin: "acme/kv".to_owned(), ..create() },
    ] {
        assert_eq!(refused(&request).0, reason::INVALID_NAME);
    }
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let all = || vec!["c", "a", "e", "b", "d"];
    let name = |item: &&str| (*item).to_owned();
    let (first, token) = validate::page(all(), name, 2, "").expect("good");
    assert_eq!((first, token.as_str()), (vec!["a", "b"], "b"));
    let (second, token) = validate::page(all(), name, 2, &token).expect("good");
    assert_eq!((second, token.as_str()), (vec!["c", "d"], "d"));
    let (last, token) = validate::page(all(), name, 2, &token).expect("good");
    assert_eq!((last, token.as_str()), (vec!["e"], ""));
    let (exact, token) = validate::page(all(), name, 5, "").expect("good");
    assert_eq!((exact.len(), token.as_str()), (5, ""));
    let size = u32::try_from(PAGE_SIZE_MAX).expect("small") + 1;
    assert!(validate::page(all(), name, size, "").is_err());
}

#[test]
fn a_tenant_is_checked_like_a_part_of_a_name() {
    assert_eq!(validate::tenant("").expect("none"), None);
    assert_eq!(validate::tenant("acme").expect("one"), Some("acme"));
    assert!(matches!(validate::tenant("a/b"), Err(ApiError::Name { field: "tenant", .. })));
}

#[test]
fn a_watcher_names_a_bounded_number_of_topics() {
    assert_eq!(watch::topics(Vec::new()).expect("all"), None);
    assert!(watch::topics(vec!["t".to_owned(); 64]).is_ok());
    assert!(watch::topics(vec!["t".to_owned(); 65]).is_err());
}
