//! `quorate group members`

use super::{
    arguments::{MembersCommand, MembersListArguments, ServerArguments, WaitArguments},
    failure::Failure,
    groups::{Gathered, gather},
    output::{Output, note},
    report::{MembersReport, MembersTaken},
    server,
};
use quorate_client::{ChangeMembersRequest, Client, ClientConfig, Group, MemberSet};
use quorate_proto::reason;
use quorate_vocabulary::GroupName;
use std::{
    io::{self, IsTerminal},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The pause between looks at a change that is waited for.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn run(command: MembersCommand, output: Output) -> Result<(), Failure> {
    let request = |name: &GroupName| ChangeMembersRequest { name: name.to_string(), ..Default::default() };
    match command {
        MembersCommand::List(arguments) => list(&arguments, output).await,
        MembersCommand::Add(arguments) => {
            let mut request = request(&arguments.name);
            let added = match (arguments.learner, arguments.witness) {
                (true, _) => &mut request.add_learners,
                (false, true) => &mut request.add_witnesses,
                (false, false) => &mut request.add_voters,
            };
            *added = arguments.nodes;
            change(request, arguments.wait, &arguments.server, output).await
        }
        MembersCommand::Remove(arguments) => {
            let request = ChangeMembersRequest { remove: arguments.nodes, ..request(&arguments.name) };
            change(request, arguments.wait, &arguments.server, output).await
        }
        MembersCommand::Promote(arguments) => {
            let request = ChangeMembersRequest { promote: arguments.nodes, ..request(&arguments.name) };
            change(request, arguments.wait, &arguments.server, output).await
        }
        MembersCommand::Set(arguments) => {
            let (voters, learners) = (arguments.voters, arguments.learners);
            let set = MemberSet { voters, learners, witnesses: arguments.witnesses };
            let request = ChangeMembersRequest { set: Some(set), ..request(&arguments.name) };
            change(request, arguments.wait, &arguments.server, output).await
        }
    }
}

async fn list(arguments: &MembersListArguments, output: Output) -> Result<(), Failure> {
    let client = server::client(&arguments.server, ClientConfig::default())?;
    let gathered = gather(&client, &arguments.name.to_string()).await?;
    let mut report = MembersReport::new(&gathered.group, &gathered.replicas);
    if arguments.alive {
        report.only_alive();
    }
    output.print(&report)
}

async fn change(
    request: ChangeMembersRequest,
    wait: WaitArguments,
    server: &ServerArguments,
    output: Output,
) -> Result<(), Failure> {
    let client = server::client(server, ClientConfig::default())?;
    let name = request.name.clone();
    let taken = client.change_members(request).await?;
    if wait.no_wait {
        return output.print(&MembersTaken::new(&taken));
    }
    let tells = !output.is_json() && io::stderr().is_terminal();
    let report = done(&client, &name, &taken, server.timeout, tells).await?;
    output.print(&report)
}

/// Waits until the change is brought about, and tells what it waits for.
pub(super) async fn done(
    client: &Client,
    name: &str,
    taken: &Group,
    timeout: Duration,
    tells: bool,
) -> Result<MembersReport, Failure> {
    let end = Instant::now() + timeout;
    let mut told = String::new();
    loop {
        let Gathered { group, replicas, .. } = gather(client, name).await?;
        let report = MembersReport::new(&group, &replicas);
        // Another change may have been asked for meanwhile, and this one with it.
        if group.changes > taken.changes || (group.changes == taken.changes && group.change.is_none()) {
            return Ok(report);
        }
        let waits_for = report.waits_for().unwrap_or("the nodes to hear of it").to_owned();
        if Instant::now() >= end {
            let message = format!("the members of {name} are still changing after {timeout:?}: {waits_for}");
            return Err(Failure::new(reason::MEMBERS_CHANGING, message)
                .cause("it goes on by itself, whether anybody waits for it or not")
                .cure(format!(
                    "look again with `quorate group members list {name}`, or allow more time (--timeout)"
                )));
        }
        if tells && waits_for != told {
            note(&format!("waiting for {waits_for}"));
            told = waits_for;
        }
        sleep(LOOK_PAUSE).await;
    }
}
