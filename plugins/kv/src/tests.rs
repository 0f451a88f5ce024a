use super::*;
use quorate_guest::testing::{LifecycleEvent, StoreHarness};

mod model;
mod operations;

fn kv() -> StoreHarness<Kv> {
    StoreHarness::new()
}

fn kv_with(pairs: &[(&str, &str)]) -> StoreHarness<Kv> {
    let mut kv = kv();
    for (key, value) in pairs {
        assert_eq!(kv.apply(format!("put {key} {value}")).reply_text(), "ok");
    }
    kv
}

#[test]
fn a_value_that_was_put_can_be_read_and_replaced() {
    let mut kv = kv();
    assert_eq!(kv.apply("put colour green").reply_text(), "ok");
    assert_eq!(kv.query("get colour").reply_text(), "green");
    assert_eq!(kv.apply("put colour \"light blue\"").reply_text(), "ok");
    assert_eq!(
        kv.query("get colour").reply_text(),
        "light blue",
        "a value is given as it is, without quotes"
    );
}

#[test]
fn a_key_without_a_value_is_told_by_name() {
    let mut kv = kv();
    assert_eq!(kv.query("get colour").rejection_text(), "colour has no value");
    assert_eq!(kv.query("get \"the colour\"").rejection_text(), "\"the colour\" has no value");
}

#[test]
fn an_empty_value_is_a_value() {
    let mut kv = kv();
    let _ = kv.apply("put colour \"\"");
    assert_eq!(kv.query("get colour").reply(), b"");
    assert_eq!(kv.query("scan \"\"").reply_text(), "colour \"\"");
}

#[test]
fn a_deleted_key_has_no_value_and_deleting_again_is_no_error() {
    let mut kv = kv_with(&[("colour", "green")]);
    assert_eq!(kv.apply("delete colour").reply_text(), "ok");
    assert_eq!(kv.query("get colour").rejection_text(), "colour has no value");
    assert_eq!(kv.apply("delete colour").reply_text(), "ok");
}

#[test]
fn only_a_key_without_a_value_can_be_created() {
    let mut kv = kv();
    assert_eq!(kv.apply("create colour green").reply_text(), "ok");
    assert_eq!(kv.apply("create colour red").rejection_text(), "colour has a value");
    assert_eq!(kv.query("get colour").reply_text(), "green");
}

#[test]
fn a_value_is_swapped_only_for_the_one_expected() {
    let mut kv = kv_with(&[("colour", "green")]);
    assert_eq!(kv.apply("cas colour red blue").rejection_text(), "colour is green");
    assert_eq!(kv.apply("cas colour green \"light blue\"").reply_text(), "ok");
    assert_eq!(kv.apply("cas colour green red").rejection_text(), "colour is \"light blue\"");
    assert_eq!(kv.query("get colour").reply_text(), "light blue");
    assert_eq!(kv.apply("cas size green red").rejection_text(), "size has no value");
}

#[test]
fn changes_are_emitted_with_the_key_and_rejections_are_not() {
    let mut kv = kv();
    for command in ["put \"a b\" 1", "create c 1", "create c 2", "cas c 1 2", "cas c 1 3", "delete c"] {
        let _ = kv.apply(command);
    }
    let events: Vec<_> =
        kv.events().iter().map(|event| format!("{} {}", event.topic, event.payload.escape_ascii())).collect();
    assert_eq!(events, ["put a b", "put c", "put c", "delete c"]);
}

#[test]
fn a_scan_gives_the_pairs_of_a_prefix_in_order() {
    let mut kv = kv_with(&[("b/2", "y"), ("a/10", "1"), ("a/2", "2"), ("a", "3"), ("a0", "4")]);
    assert_eq!(kv.query("scan a/").reply_text(), "a/10 1\na/2 2");
    assert_eq!(kv.query("scan \"\"").reply_text(), "a 3\na/10 1\na/2 2\na0 4\nb/2 y");
    assert_eq!(kv.query("scan c").reply_text(), "");
}

#[test]
fn a_scan_says_how_to_go_on_and_going_on_gives_each_pair_once() {
    let mut kv = kv();
    for number in 0..7 {
        let _ = kv.apply(format!("put \"n {number}\" {number}"));
    }
    let mut query = "scan \"n \" 3".to_owned();
    let mut pages = Vec::new();
    loop {
        let page = kv.query(&query).reply_text();
        let more = page.lines().find_map(|line| line.strip_prefix("# more: ")).map(str::to_owned);
        pages.push(page);
        let Some(more) = more else { break };
        query = more;
    }
    assert_eq!(
        pages,
        [
            "\"n 0\" 0\n\"n 1\" 1\n\"n 2\" 2\n# more: scan \"n \" 3 \"n 2\"",
            "\"n 3\" 3\n\"n 4\" 4\n\"n 5\" 5\n# more: scan \"n \" 3 \"n 5\"",
            "\"n 6\" 6",
        ]
    );
}

#[test]
fn a_scan_of_exactly_the_limit_says_nothing_of_more() {
    let mut kv = kv_with(&[("a", "1"), ("b", "2")]);
    assert_eq!(kv.query("scan \"\" 2").reply_text(), "a 1\nb 2");
    assert_eq!(kv.query("scan \"\" 1").reply_text(), "a 1\n# more: scan \"\" 1 a");
    assert_eq!(kv.query("scan \"\" 1 a").reply_text(), "b 2");
    assert_eq!(kv.query("scan \"\" 1 b").reply_text(), "");
}

#[test]
fn going_on_after_a_key_outside_of_the_prefix_starts_where_the_prefix_does() {
    let mut kv = kv_with(&[("a/1", "1"), ("a/2", "2"), ("b/1", "3")]);
    assert_eq!(kv.query("scan a/ 10 a").reply_text(), "a/1 1\na/2 2");
    assert_eq!(kv.query("scan a/ 10 b").reply_text(), "");
    assert_eq!(kv.query("scan a/ 10 a/1").reply_text(), "a/2 2");
}

#[test]
fn a_scan_of_large_values_ends_early_with_at_least_one_pair() {
    let mut kv = kv();
    let large = "v".repeat(query::SCAN_BYTES_MAX);
    for key in ["a", "b"] {
        let _ = kv.apply(format!("put {key} {large}"));
    }
    let page = kv.query("scan \"\"").reply_text();
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("a vvv"));
    assert_eq!(lines[1], "# more: scan \"\" 100 a");
    assert!(kv.query("scan \"\" 100 a").reply_text().starts_with("b vvv"));
}

#[test]
fn a_prefix_of_the_highest_bytes_is_scanned_to_its_end_and_no_further() {
    let mut kv = kv();
    let _ = kv.apply(r#"put "\xff\xff" 1"#);
    let _ = kv.apply(r#"put "\xff\xff\x00" 2"#);
    let _ = kv.apply(r#"put "\xfe" 3"#);
    let _ = kv.apply("note-leader 1");
    assert_eq!(kv.query(r#"scan "\xff\xff""#).reply_text(), "\"\\xff\\xff\" 1\n\"\\xff\\xff\\x00\" 2");
    assert_eq!(kv.query(r#"scan "\xff\xff" 5 "\xff\xff""#).reply_text(), "\"\\xff\\xff\\x00\" 2");
    assert_eq!(kv.query("scan \"\"").reply_text().lines().count(), 3, "leaders are no entries");
}

#[test]
fn the_limit_of_a_scan_has_bounds() {
    let mut kv = kv();
    for limit in ["0", "1001"] {
        let rejection = kv.query(format!("scan a {limit}")).rejection_text();
        assert_eq!(rejection, format!("the limit of a scan is from 1 to 1000, not {limit}"));
    }
    assert!(kv.query("scan a ten").rejection_text().contains("not a whole number"));
    assert_eq!(kv.query("scan a 1000").reply_text(), "");
}

#[test]
fn a_scan_gives_no_more_pairs_than_the_default() {
    let mut kv = kv();
    for number in 0..=query::SCAN_PAIRS {
        let _ = kv.apply(format!("put {number:03} x"));
    }
    let page = kv.query("scan \"\"").reply_text();
    assert_eq!(page.lines().count(), 101, "a hundred, and a line that says there is more");
    assert!(page.ends_with("# more: scan \"\" 100 099"), "{page}");
}

#[test]
fn keys_and_values_over_their_limits_are_rejected_with_the_limit() {
    let mut kv = kv();
    let (key, long_key) = ("k".repeat(keys::KEY_BYTES_MAX), "k".repeat(keys::KEY_BYTES_MAX + 1));
    assert_eq!(kv.apply(format!("put {key} v")).reply_text(), "ok");
    assert_eq!(
        kv.apply(format!("put {long_key} v")).rejection_text(),
        "the key has 1025 bytes; the most is 1024"
    );
    assert_eq!(kv.apply("put \"\" v").rejection_text(), "a key has at least one byte");
    assert_eq!(kv.query("get \"\"").rejection_text(), "a key has at least one byte");
    let value = "v".repeat(keys::VALUE_BYTES_MAX + 1);
    for command in [format!("put k {value}"), format!("create k {value}"), format!("cas k a {value}")] {
        let rejection = kv.apply(command).rejection_text();
        assert_eq!(rejection, "the value has 1048577 bytes; the most is 1048576");
    }
}

#[test]
fn unknown_commands_and_queries_are_rejected_with_those_that_are_known() {
    let mut kv = kv();
    for command in ["", "get a", "put a", "PUT a b", "delete", "delete a b", "note-leader"] {
        let rejection = kv.apply(command).rejection_text();
        assert!(rejection.starts_with("unknown command `"), "{command}: {rejection}");
        assert!(rejection.contains("`put KEY VALUE`"), "{rejection}");
    }
    for query in ["", "put a b", "get", "get a b", "scan", "scan a 1 b c", "leaders now"] {
        let rejection = kv.query(query).rejection_text();
        assert!(rejection.starts_with("unknown query `"), "{query}: {rejection}");
        assert!(rejection.contains("`get KEY`"), "{rejection}");
    }
}

#[test]
fn a_value_with_spaces_and_no_quotes_is_told_about_quotes() {
    let rejection = kv().apply("put greeting hello there").rejection_text();
    assert!(rejection.starts_with("too many words: a value with spaces is written in quotes"), "{rejection}");
}

#[test]
fn a_new_leader_puts_its_term_in_the_log_and_every_replica_can_show_it() {
    let mut kv = kv();
    assert_eq!(kv.query("leaders").reply_text(), "");
    kv.tell(&LifecycleEvent::LeaderStart { term: 2 });
    assert_eq!(kv.query("leaders").reply_text(), "", "a callback itself changes nothing");
    assert_eq!(kv.apply_proposals().len(), 1);
    let _ = kv.apply("note-leader 300");
    let _ = kv.apply("note-leader 2");
    assert_eq!(kv.query("leaders").reply_text(), "term 2 at index 2\nterm 300 at index 3");
}

#[test]
fn old_terms_are_forgotten() {
    let mut kv = kv();
    for term in 1..=leaders::LEADERS_MAX + 5 {
        let _ = kv.apply(format!("note-leader {term}"));
    }
    let text = kv.query("leaders").reply_text();
    assert_eq!(text.lines().count(), 100);
    assert!(text.starts_with("term 6 at index 7\n"), "{text}");
    assert!(text.ends_with("term 105 at index 106"), "{text}");
}

#[test]
fn the_store_holds_what_is_documented() {
    let mut kv = kv_with(&[("a", "1")]);
    let _ = kv.apply("note-leader 258");
    let pairs: Vec<_> = kv.pairs().iter().map(|pair| format!("{pair:?}")).collect();
    assert_eq!(
        pairs,
        [r#""ka" = "1""#, r#""l\x00\x00\x00\x00\x00\x00\x01\x02" = "\x00\x00\x00\x00\x00\x00\x00\x03""#]
    );
}
