//! The leadership of groups is handed from node to node.

use quorate_end_to_end::{Cluster, wait};

#[tokio::test]
async fn a_leadership_is_handed_to_the_node_that_is_named_and_no_command_is_lost() {
    let cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    let mut count = 0;
    // Round and round: every node leads several times.
    for _ in 0..3 {
        for node in [1, 2, 3] {
            count += 1;
            assert_eq!(cluster.reply("count", "add 1").await, count.to_string());
            let to = node.to_string();
            let moved =
                cluster.quorate(&["group", "transfer", "test/count", "--to", &to, "--output", "json"]).json();
            assert_eq!(moved["leader_node"], node, "{moved}");
            assert_eq!(cluster.leader("count").await, node);
        }
    }
    assert_eq!(cluster.reply("count", "add 1").await, "10");
    cluster.replicas_are_equal("count").await;
}

#[tokio::test]
async fn without_a_name_the_leadership_goes_to_one_of_the_others() {
    let cluster = Cluster::start().await;
    cluster.upload("kv").await;
    cluster.create("pairs", "kv").await;
    let before = cluster.leader("pairs").await;
    // Which were heard of is known once they have answered.
    wait::until("another node leads", || async {
        let output = cluster.quorate(&["group", "transfer", "test/pairs", "--output", "json"]);
        if output.code != 0 && output.stderr.contains("TRANSFER_FAILED") {
            return Err(output.stderr);
        }
        let moved = output.json();
        assert_eq!(moved["from_node"], before, "{moved}");
        assert_ne!(moved["leader_node"], before, "{moved}");
        Ok(())
    })
    .await;
    let again = cluster.leader("pairs").await.to_string();
    let output = cluster.quorate(&["group", "transfer", "test/pairs", "--to", &again]);
    assert!(output.stdout.contains("already"), "{output:?}");
}

#[tokio::test]
async fn the_node_of_the_highest_priority_leads_whenever_it_lives() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 1").await;
    let wanted = 1 + cluster.leader("count").await % 3;
    let node = wanted.to_string();
    let arguments =
        ["group", "priority", "test/count", "--node", &node, "--priority", "200", "--output", "json"];
    assert_eq!(cluster.quorate(&arguments).json()["priority"], 200);
    let leads = async |cluster: &Cluster| {
        wait::until("the preferred node leads", || async {
            match cluster.leader("count").await {
                leader if leader == wanted => Ok(()),
                leader => Err(format!("node {leader} leads")),
            }
        })
        .await;
    };
    leads(&cluster).await;
    let described = cluster.quorate(&["group", "describe", "test/count", "--output", "json"]).json();
    let members = described["membership"]["members"].as_array().expect("members");
    let priority = |member: &serde_json::Value| (member["node"].as_u64(), member["priority"].as_u64());
    assert!(members.iter().map(priority).any(|one| one == (Some(wanted), Some(200))), "{described}");

    cluster.node_mut(wanted).kill();
    assert_eq!(cluster.reply("count", "add 1").await, "2", "another leads as long as it is gone");
    cluster.node_mut(wanted).start();
    leads(&cluster).await;
    assert_eq!(cluster.reply("count", "add 1").await, "3");

    let strange = ["group", "priority", "test/count", "--node", "9", "--priority", "1"];
    let output = cluster.quorate(&strange);
    assert!(output.code == 1 && output.stderr.contains("MEMBER_NOT_FOUND"), "{output:?}");
}

/// The node that leads the catalog, once one does.
async fn catalog_leader(cluster: &Cluster) -> u64 {
    wait::until("the catalog has a leader", || async {
        match cluster.status(1).await?.catalog_leader_node {
            0 => Err("it has none".to_owned()),
            node => Ok(node),
        }
    })
    .await
}

#[tokio::test]
async fn the_catalog_is_led_by_whom_its_operator_wants() {
    let cluster = Cluster::start().await;
    let wanted = 1 + catalog_leader(&cluster).await % 3;
    let to = wanted.to_string();
    let arguments = ["group", "transfer", "quorate/catalog", "--to", &to, "--output", "json"];
    assert_eq!(cluster.quorate(&arguments).json()["leader_node"], wanted);
    let preferred = 1 + wanted % 3;
    let node = preferred.to_string();
    let arguments = ["group", "priority", "quorate/catalog", "--node", &node, "--priority", "200"];
    assert_eq!(cluster.quorate(&arguments).code, 0);
    wait::until("the preferred node leads", || async {
        match catalog_leader(&cluster).await {
            leader if leader == preferred => Ok(()),
            leader => Err(format!("node {leader} leads")),
        }
    })
    .await;
    let described = cluster.quorate(&["group", "describe", "quorate/catalog", "--output", "json"]).json();
    let members = described["membership"]["members"].as_array().expect("members");
    let priority = |member: &serde_json::Value| (member["node"].as_u64(), member["priority"].as_u64());
    assert!(members.iter().map(priority).any(|one| one == (Some(preferred), Some(200))), "{described}");
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    assert_eq!(cluster.reply("count", "add 1").await, "1");
}

#[tokio::test]
async fn a_leadership_stays_when_it_cannot_be_handed_over() {
    let mut cluster = Cluster::start().await;
    cluster.upload("counter").await;
    cluster.create("count", "counter").await;
    cluster.reply("count", "add 1").await;
    let refused = |to: u64, cluster: &Cluster| {
        let output = cluster.quorate(&[
            "group",
            "transfer",
            "test/count",
            "--to",
            &to.to_string(),
            "--output",
            "json",
        ]);
        assert_eq!(output.code, 1, "{output:?}");
        let error: serde_json::Value = serde_json::from_str(&output.stderr).expect("JSON");
        error["error"]["reason"].as_str().expect("a reason").to_owned()
    };
    assert_eq!(refused(9, &cluster), "MEMBER_NOT_FOUND");
    let leader = cluster.leader("count").await;
    let gone = if leader == 3 { 2 } else { 3 };
    cluster.node_mut(gone).kill();
    // As long as it passes for alive it is tried, and given up.
    assert_eq!(refused(gone, &cluster), "TRANSFER_FAILED");
    assert_eq!(cluster.reply("count", "add 1").await, "2");
}
