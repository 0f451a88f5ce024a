//! What plugins log.

use quorate_end_to_end::{Cluster, Settings};

#[tokio::test]
async fn lines_past_so_many_a_second_are_dropped_told_and_counted() {
    let configuration = "[limits]\nplugin_log_lines_per_second_max = 1\n".to_owned();
    let cluster = Cluster::start_with(Settings { nodes: 1, configuration, ..Settings::default() }).await;
    cluster.upload("faulty").await;
    cluster.create("loud", "faulty").await;
    cluster.reply("loud", "log 60").await;
    let described = cluster.quorate(&["group", "describe", "test/loud", "--output", "json"]).json();
    let dropped = described["replicas"][0]["log_lines_dropped"].as_u64().expect("a number");
    // Ten lines at once, and one for each second that has passed.
    assert!((1..60).contains(&dropped), "{described}");
    let log = cluster.node(1).log();
    assert!(log.contains("the plugin writes more than 1 lines a second"), "{log}");
    assert!(log.contains("line 0 tenant=test group=test/loud index="), "{log}");
    let text = cluster.quorate(&["group", "describe", "test/loud"]).stdout;
    assert!(text.contains("lines that the plugin logged"), "{text}");
}
