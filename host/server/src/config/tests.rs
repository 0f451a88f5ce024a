use super::*;

const GOOD: &str = r#"cluster = "production"
node = 2
folder = "data"
listen = "0.0.0.0:7300"

[[nodes]]
id = 1
address = "one.example:7300"

[[nodes]]
id = 2
address = "two.example:7300"

[timeouts]
election_ms = 2000
request_default_ms = 5000
lease_margin_ms = 300
hibernate_after_ms = 60000

[limits]
plugin_bytes_max = 1048576

[snapshots]
entries = 500
interval_ms = 60000
interval_entries_min = 7
kept = 3
bytes_per_second_max = 1000000
total_bytes_per_second_max = 3000000
sends_max = 2

[replicas]
check_entries = 70
check_interval_ms = 5000
rebuild = false
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/quorate/node.toml"))
}

/// Parses `GOOD` with one text replaced, and returns line, column and message of the error.
fn error(from: &str, to: &str) -> (usize, usize, String) {
    assert!(GOOD.contains(from), "{from}");
    match parse(&GOOD.replacen(from, to, 1)) {
        Err(ConfigError::At { place, why, .. }) => (place.line, place.column, why),
        other => panic!("{from} -> {to}: {other:?}"),
    }
}

#[test]
fn a_good_file_is_read_whole() {
    let config = parse(GOOD).expect("a good file");
    assert_eq!(config.node.cluster, "production");
    assert_eq!(config.node.node, NodeId(2));
    assert_eq!(config.node.data_folder, Path::new("/etc/quorate/data"));
    assert_eq!(config.listen, "0.0.0.0:7300");
    assert_eq!(config.node.address, "two.example:7300");
    assert_eq!(
        config.node.founders,
        [(NodeId(1), "one.example:7300".to_owned()), (NodeId(2), "two.example:7300".to_owned())]
    );
    assert_eq!(config.node.election_timeout, Duration::from_secs(2));
    assert_eq!(config.api.request_timeout_default, Duration::from_secs(5));
    assert_eq!(config.node.lease_margin, Some(Duration::from_millis(300)));
    assert_eq!(config.node.hibernate_after, Some(Duration::from_secs(60)));
    assert_eq!((config.node.plugin_bytes_max, config.api.plugin_bytes_max), (1_048_576, 1_048_576));
    assert_eq!((config.node.snapshot_entries, config.node.snapshots_kept), (500, 3));
    assert_eq!(config.node.snapshot_interval, Some(Duration::from_secs(60)));
    assert_eq!(config.node.snapshot_interval_entries_min, 7);
    assert_eq!((config.node.check_entries, config.node.rebuild_replicas), (70, false));
    assert_eq!(config.node.check_interval, Some(Duration::from_secs(5)));
    assert_eq!((config.node.snapshot_bytes_per_second_max, config.node.snapshot_sends_max), (1_000_000, 2));
    assert_eq!(config.node.snapshot_total_bytes_per_second_max, 3_000_000);
}

#[test]
fn what_is_not_said_has_a_default() {
    let text = "cluster = \"c\"\nnode = 1\nfolder = \"/d\"\nnodes = [{ id = 1, address = \"[::1]:7300\" }]";
    let config = parse(text).expect("a short file");
    assert_eq!(config.listen, "[::1]:7300");
    assert_eq!(config.node.data_folder, Path::new("/d"));
    assert_eq!(config.api.request_timeout_max, ApiConfig::default().request_timeout_max);
}

#[test]
fn snapshots_can_be_kept_from_being_taken_by_time() {
    let config = parse(&GOOD.replacen("interval_ms = 60000", "interval_ms = 0", 1)).expect("good");
    assert_eq!(config.node.snapshot_interval, None);
}

#[test]
fn a_group_can_be_kept_from_sleeping() {
    let config = parse(&GOOD.replacen("after_ms = 60000", "after_ms = 0", 1)).expect("good");
    assert_eq!(config.node.hibernate_after, None);
}

#[test]
fn advertise_is_where_others_are_told_to_go() {
    let config =
        parse(&GOOD.replacen("listen =", "advertise = \"nat.example:9\"\nlisten =", 1)).expect("good");
    assert_eq!(config.node.address, "nat.example:9");
    assert_eq!(config.node.founders[1].1, "nat.example:9");
}

#[test]
fn a_file_that_is_not_toml_is_refused_at_its_line() {
    let (line, _, _) = error("folder = \"data\"", "folder = data");
    assert_eq!(line, 3);
    let (line, _, why) = error("node = 2", "node = 2\nnode = 3");
    assert_eq!(line, 3, "{why}");
}

#[test]
fn an_unknown_key_is_refused_at_its_line() {
    let (line, column, why) = error("election_ms", "electoin_ms");
    assert_eq!((line, column), (15, 1));
    assert!(why.contains("electoin_ms") && why.contains("election_ms"), "{why}");
    assert_eq!(error("[snapshots]", "[snapshot]").0, 23);
}

#[test]
fn a_value_of_another_type_is_refused_where_it_stands() {
    let (line, column, why) = error("node = 2", "node = \"2\"");
    assert_eq!((line, column), (2, 8), "{why}");
    assert_eq!(error("node = 2", "node = -2").0, 2);
}

#[test]
fn a_missing_key_is_named() {
    let (_, _, why) = error("cluster = \"production\"\n", "");
    assert!(why.contains("cluster"), "{why}");
}

#[test]
fn values_that_cannot_be_are_refused_where_they_stand() {
    for (from, to, line, column, part) in [
        ("node = 2", "node = 3", 2, 8, "not among [[nodes]]"),
        ("node = 2", "node = 0", 2, 8, "must be 1 to"),
        ("\"production\"", "\"Production!\"", 1, 11, "is not a name"),
        ("\"data\"", "\"\"", 3, 10, "folder is empty"),
        ("\"0.0.0.0:7300\"", "\"7300\"", 4, 10, "host:port"),
        ("\"0.0.0.0:7300\"", "\"host:99999\"", 4, 10, "host:port"),
        ("\"0.0.0.0:7300\"", "\"http://host:1\"", 4, 10, "host:port"),
        ("\"0.0.0.0:7300\"", "\"::1:7300\"", 4, 10, "host:port"),
        ("one.example:7300", "0.0.0.0:7300", 8, 11, "cannot be connected to"),
        ("id = 2", "id = 1", 11, 6, "used by another"),
        ("one.example:7300", "two.example:7300", 12, 11, "address of node 1"),
        ("election_ms = 2000", "election_ms = 200", 15, 15, "three times"),
        ("election_ms = 2000", "election_ms = 20", 15, 15, "must be 100 to"),
        ("request_default_ms = 5000", "request_default_ms = 3600000", 16, 22, "more than request_max_ms"),
        ("lease_margin_ms = 300", "lease_margin_ms = 0", 17, 19, "less than election_ms, which is 2000"),
        ("lease_margin_ms = 300", "lease_margin_ms = 2000", 17, 19, "less than election_ms, which is 2000"),
        ("after_ms = 60000", "after_ms = 1999", 18, 22, "at least election_ms, which is 2000"),
        ("plugin_bytes_max = 1048576", "plugin_bytes_max = 1", 21, 20, "must be 1024 to"),
        ("bytes_max = 1048576", "instances_max = 15", 21, 24, "must be 16 to"),
        ("entries = 500", "entries = 0", 24, 11, "must be 10 to"),
        ("interval_ms = 60000", "interval_ms = 999", 25, 15, "must be 1000 to"),
        ("entries_min = 7", "entries_min = 0", 26, 24, "must be 1 to"),
        ("kept = 3", "kept = 1", 27, 8, "must be 2 to"),
        ("max = 1000000", "max = 1", 28, 24, "must be 65536 to"),
        ("max = 3000000", "max = 1", 29, 30, "must be 65536 to"),
        ("sends_max = 2", "sends_max = 0", 30, 13, "must be 1 to"),
        ("check_entries = 70", "check_entries = 0", 33, 17, "must be 1 to"),
        ("check_interval_ms = 5000", "check_interval_ms = 5", 34, 21, "must be 1000 to"),
    ] {
        let (found_line, found_column, why) = error(from, to);
        assert!(why.contains(part), "{from} -> {to}: {why}");
        assert_eq!((found_line, found_column), (line, column), "{from} -> {to}: {why}");
    }
}

#[test]
fn more_founders_than_may_vote_are_refused() {
    let nodes: String = (3..=8).map(|id| format!("[[nodes]]\nid = {id}\naddress = \"n{id}:1\"\n")).collect();
    let (_, _, why) = error("[timeouts]", &format!("{nodes}[timeouts]"));
    assert!(why.contains("8 [[nodes]]"), "{why}");
}

#[test]
fn an_error_shows_the_line_with_what_is_meant_underlined() {
    let error = parse(&GOOD.replacen("node = 2", "node = 33", 1)).expect_err("no such node");
    let text = error.to_string();
    assert!(text.starts_with("/etc/quorate/node.toml:2:8: node 33 is not among [[nodes]]"), "{text}");
    assert!(text.ends_with("\n   |\n 2 | node = 33\n   |        ^^"), "{text}");
}

#[test]
fn a_place_is_counted_in_characters_and_never_splits_one() {
    let text = "a = \"äöü\"\nb = 1";
    let place = Place::of(text, 6..8);
    assert_eq!((place.line, place.column), (1, 6));
    assert_eq!(Place::of(text, 1000..2000).line, 2);
    assert_eq!(Place::of("", 0..0).to_string(), "   |\n 1 | \n   | ^");
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let error = Config::load(Path::new("/nowhere/node.toml")).expect_err("no file");
    assert!(error.to_string().contains("/nowhere/node.toml cannot be read"), "{error}");
}
