//! `quorate group upgrade`, `rollback`, `history`, `unfreeze` and `poison`

use super::{
    arguments::{GroupNameArguments, GroupPoisonArguments, GroupRollbackArguments, GroupUpgradeArguments},
    failure::Failure,
    groups::{Gathered, gather},
    output::{Output, count, note},
    report::{HistoryReport, PoisonReport, UnfrozenReport, UpgradeReport, VerificationReport},
    server,
};
use quorate_client::{Client, ClientConfig, Group};
use quorate_proto::reason;
use std::{
    io::{self, IsTerminal},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The pause between looks at an upgrade that is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn upgrade(arguments: &GroupUpgradeArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    let Some(plugin) = &arguments.plugin else {
        let group = client.cancel_upgrade(&name).await?;
        return output.print(&last(&client, &group).await?);
    };
    let tries = &arguments.verify;
    if tries.verify || tries.verify_only {
        verify(&client, &name, &plugin.to_string(), tries.accept_differences, output).await?;
    }
    if tries.verify_only {
        return Ok(());
    }
    let taken = client.upgrade_group(&name, &plugin.to_string()).await?;
    finish(&client, &taken, arguments.wait.no_wait, arguments.server.timeout, output).await
}

/// Reports what a version does in a copy of the group, and fails if that is not what the version before did.
async fn verify(
    client: &Client,
    name: &str,
    plugin: &str,
    accepts_differences: bool,
    output: Output,
) -> Result<(), Failure> {
    let tried = client.verify_upgrade(name, plugin).await?;
    let report = VerificationReport::new(name.to_owned(), plugin.to_owned(), tried);
    output.print(&report)?;
    if let Some(why) = report.activation_failure() {
        let message = format!("{plugin} cannot take over the state of {name}: {why}");
        return Err(Failure::new(reason::UPGRADE_DIFFERS, message)
            .cause("it was tried in a copy of the group, and nothing was changed")
            .cure("upload a version that can, and upgrade to that"));
    }
    if report.differing() == 0 || accepts_differences {
        return Ok(());
    }
    let answers = count(report.differing(), "answer", "answers");
    let message = format!("{answers} of {plugin} would not have been what {name} answered");
    Err(Failure::new(reason::UPGRADE_DIFFERS, message)
        .cause("it was tried in a copy of the group, and nothing was changed")
        .cure("mend the plugin and upload it under a new version, or ask with --accept-differences if that is what is wanted"))
}

pub(super) async fn rollback(arguments: &GroupRollbackArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let taken = client.rollback_group(&arguments.name.to_string()).await?;
    finish(&client, &taken, arguments.wait.no_wait, arguments.server.timeout, output).await
}

pub(super) async fn history(arguments: &GroupNameArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let described = client.describe_group(&arguments.name.to_string()).await?;
    let plugin = described.group.map(|group| group.plugin).unwrap_or_default();
    output.print(&HistoryReport::new(arguments.name.to_string(), plugin, described.upgrades))
}

pub(super) async fn unfreeze(arguments: &GroupNameArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let name = arguments.name.to_string();
    client.unfreeze_group(&name).await?;
    output.print(&UnfrozenReport { name })
}

pub(super) async fn poison(arguments: &GroupPoisonArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let (name, freeze_after_traps) = (arguments.name.to_string(), arguments.freeze_after);
    client.set_poison_policy(&name, freeze_after_traps).await?;
    output.print(&PoisonReport { name, freeze_after_traps })
}

/// The last change of version of a group.
async fn last(client: &Client, group: &Group) -> Result<UpgradeReport, Failure> {
    let described = client.describe_group(&group.name).await?;
    let upgrade = described.upgrades.into_iter().find(|upgrade| upgrade.number == group.upgrades_asked);
    Ok(UpgradeReport::new(group, upgrade))
}

/// Waits until it is known what came of it, and fails if nothing did.
async fn finish(
    client: &Client,
    taken: &Group,
    no_wait: bool,
    timeout: Duration,
    output: Output,
) -> Result<(), Failure> {
    let name = &taken.name;
    if no_wait {
        return output.print(&last(client, taken).await?);
    }
    let (end, tells) = (Instant::now() + timeout, !output.is_json() && io::stderr().is_terminal());
    let mut told = String::new();
    loop {
        let Gathered { group, replicas, upgrades, .. } = gather(client, name).await?;
        let upgrade = upgrades.into_iter().find(|upgrade| upgrade.number == taken.upgrades_asked);
        let report = UpgradeReport::new(&group, upgrade);
        if let Some(why) = report.failure() {
            return Err(Failure::new(
                reason::UPGRADE_FAILED,
                format!("{name} goes on with {}: {why}", group.plugin),
            )
            .cause("the new version could not take over, and nothing was changed")
            .cure("upload a version that can, and upgrade to that"));
        }
        if !report.is_under_way() {
            return output.print(&report);
        }
        let waits_for =
            replicas.iter().map(|replica| &replica.upgrade_waits_for).find(|what| !what.is_empty());
        let waits_for = waits_for.cloned().unwrap_or_else(|| "the nodes to hear of it".to_owned());
        if Instant::now() >= end {
            let message =
                format!("{name} is still being upgraded after {timeout:?}: it waits for {waits_for}");
            return Err(Failure::new(reason::UPGRADE_UNDER_WAY, message)
                .cause("it goes on by itself, whether anybody waits for it or not")
                .cure(format!(
                    "look again with `quorate group history {name}`, allow more time (--timeout), or give it up with `quorate group upgrade {name} --cancel`"
                )));
        }
        if tells && waits_for != told {
            note(&format!("waiting for {waits_for}"));
            told = waits_for;
        }
        sleep(LOOK_PAUSE).await;
    }
}
