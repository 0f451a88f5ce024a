//! Operations beside put, get, delete and scan.

use super::{kv, kv_with};

#[test]
fn a_swap_puts_a_value_and_gives_the_old_one_as_a_word() {
    let mut kv = kv();
    assert_eq!(kv.apply("swap colour \"light blue\"").reply_text(), "");
    assert_eq!(kv.apply("swap colour \"\"").reply_text(), "\"light blue\"");
    assert_eq!(kv.apply("swap colour red").reply_text(), "\"\"", "an empty value is a value");
    assert_eq!(kv.query("get colour").reply_text(), "red");
}

#[test]
fn a_merge_appends_behind_a_separator_if_there_is_something_to_separate() {
    let mut kv = kv();
    for command in ["merge tags a ,", "merge tags b ,", "merge log x", "merge log y"] {
        assert_eq!(kv.apply(command).reply_text(), "ok");
    }
    assert_eq!(kv.query("multi-get tags log").reply_text(), "tags a,b\nlog xy");
}

#[test]
fn a_merge_past_the_largest_value_is_rejected() {
    let mut kv = kv();
    let half = "v".repeat(crate::keys::VALUE_BYTES_MAX / 2);
    let _ = kv.apply(format!("put a {half}"));
    assert_eq!(kv.apply(format!("merge a {half}")).reply_text(), "ok");
    assert_eq!(kv.apply("merge a x").rejection_text(), "the value has 1048577 bytes; the most is 1048576");
}

#[test]
fn a_range_is_deleted_up_to_its_end_and_without_one_to_the_last_key() {
    let mut kv = kv_with(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]);
    let _ = kv.apply("note-leader 5");
    let _ = kv.apply("allocate ids 7");
    assert_eq!(kv.apply("delete-range b d").reply_text(), "ok");
    assert_eq!(kv.query("scan \"\"").reply_text(), "a 1\nd 4");
    assert_eq!(kv.apply("delete-range d b").reply_text(), "ok", "an empty range");
    assert_eq!(kv.apply("delete-range \"\" \"\"").reply_text(), "ok");
    assert_eq!(kv.query("scan \"\"").reply_text(), "");
    assert_eq!(kv.query("sequence ids").reply_text(), "7", "a sequence is no key");
    assert!(kv.query("leaders").reply_text().starts_with("term 5"));
    let events = kv.events();
    let payloads: Vec<_> = events.iter().map(|event| event.payload.escape_ascii().to_string()).collect();
    assert_eq!(payloads[4..], ["b d", "d b", "\\\"\\\" \\\"\\\""]);
}

#[test]
fn many_keys_are_read_at_once_and_one_without_a_value_stands_alone() {
    let mut kv = kv_with(&[("a", "\"two words\""), ("c", "\"\"")]);
    assert_eq!(kv.query("multi-get a b c a").reply_text(), "a \"two words\"\nb\nc \"\"\na \"two words\"");
    assert_eq!(kv.query("multi-get a \"\"").rejection_text(), "a key has at least one byte");
}

#[test]
fn a_reverse_scan_goes_from_the_last_key_and_says_how_to_go_on() {
    let mut kv = kv_with(&[("a/1", "1"), ("a/2", "2"), ("a/3", "3"), ("b/1", "4")]);
    assert_eq!(kv.query("reverse-scan a/ 2").reply_text(), "a/3 3\na/2 2\n# more: reverse-scan a/ 2 a/2");
    assert_eq!(kv.query("reverse-scan a/ 2 a/2").reply_text(), "a/1 1");
    assert_eq!(kv.query("reverse-scan a/ 1 b").reply_text(), "a/3 3\n# more: reverse-scan a/ 1 a/3");
    assert_eq!(kv.query("reverse-scan a/ 1 a").reply_text(), "");
}

#[test]
fn a_sequence_gives_every_number_once_and_can_begin_anew() {
    let mut kv = kv();
    assert_eq!(kv.query("sequence orders").reply_text(), "0");
    assert_eq!(kv.apply("allocate orders 10").reply_text(), "1 10");
    assert_eq!(kv.apply("allocate orders 1").reply_text(), "11 11");
    assert_eq!(kv.apply("allocate bills 1").reply_text(), "1 1");
    assert_eq!(kv.query("sequence orders").reply_text(), "11");
    assert_eq!(kv.apply("allocate orders 0").rejection_text(), "at least one number is allocated at a time");
    let rejection = kv.apply(format!("allocate orders {}", u64::MAX)).rejection_text();
    assert_eq!(rejection, "orders stands at 11 and ends at 18446744073709551615");
    assert_eq!(kv.apply("reset orders").reply_text(), "ok");
    assert_eq!(kv.apply("allocate orders 2").reply_text(), "1 2");
}

#[test]
fn a_batch_replies_a_line_a_command() {
    let mut kv = kv();
    let reply = kv.apply("batch put a 1 ; allocate ids 3 ; swap a 2 ; cas a 2 \";\"").reply_text();
    assert_eq!(reply, "ok\n1 3\n1\nok");
    assert_eq!(kv.query("get a").reply_text(), ";");
    assert_eq!(kv.apply("batch put b ;; ; put c d;").reply_text(), "ok\nok", "only the word ; separates");
    assert_eq!(kv.query("multi-get b c").reply_text(), "b ;;\nc d;");
}

#[test]
fn a_batch_with_a_command_that_is_rejected_changes_and_emits_nothing() {
    let mut kv = kv_with(&[("a", "1")]);
    let rejection = kv.apply("batch put b 2 ; cas a 5 6 ; put c 3").rejection_text();
    assert_eq!(rejection, "command 2 of the batch: a is 1");
    assert_eq!(kv.query("scan \"\"").reply_text(), "a 1");
    assert_eq!(kv.events().len(), 1);
}

#[test]
fn a_batch_holds_no_batch_and_no_callback() {
    let mut kv = kv();
    for inner in ["batch put a 1", "note-leader 1", ""] {
        let rejection = kv.apply(format!("batch {inner}")).rejection_text();
        assert!(rejection.starts_with("command 1 of the batch: unknown command"), "{rejection}");
    }
    assert!(kv.apply("batches").rejection_text().starts_with("unknown command `batches`"));
}
