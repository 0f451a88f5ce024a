use super::arguments::{
    Arguments, Command, ConsistencyArgument, GroupCommand, NodeCommand, OutputFormat, PluginCommand,
};
use clap::{CommandFactory, Parser, error::ErrorKind};
use std::{path::Path, time::Duration};

fn parse(line: &str) -> Result<Arguments, clap::Error> {
    Arguments::try_parse_from(std::iter::once("quorate").chain(line.split(' ')))
}

fn command(line: &str) -> Command {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).command
}

fn refused(line: &str) -> ErrorKind {
    parse(line).expect_err(line).kind()
}

#[test]
fn the_command_line_holds_together() {
    Arguments::command().debug_assert();
}

#[test]
fn every_command_and_argument_is_explained() {
    fn check(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{}", command.get_name());
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.len() > 5, "{} {}", command.get_name(), argument.get_id());
            assert!(!help.contains("It would stand"), "{} {}", command.get_name(), argument.get_id());
        }
        command.get_subcommands().for_each(check);
    }
    let mut command = Arguments::command();
    command.build();
    command.get_subcommands().filter(|command| command.get_name() != "help").for_each(check);
}

#[test]
fn output_and_log_may_stand_anywhere() {
    let arguments = parse("node list --output json --log debug").expect("good");
    assert_eq!((arguments.output, arguments.log.as_deref()), (OutputFormat::Json, Some("debug")));
    assert_eq!(parse("--output json node list").expect("good").output, OutputFormat::Json);
    assert_eq!(parse("node list").expect("good").output, OutputFormat::Human);
    assert_eq!(refused("node list --output xml"), ErrorKind::InvalidValue);
}

#[test]
fn servers_may_be_repeated_or_separated_by_commas() {
    let Command::Node(NodeCommand::List(list)) =
        command("node list --server a:1,b:1 --server c:1 --timeout 2min")
    else {
        panic!("not a list")
    };
    assert_eq!(list.server.server, ["a:1", "b:1", "c:1"]);
    assert_eq!(list.server.timeout, Duration::from_secs(120));
    assert_eq!(refused("node list --timeout soon"), ErrorKind::ValueValidation);
}

#[test]
fn a_command_is_text_or_a_file_or_lines_and_only_one_of_them() {
    let Command::Submit(submit) = command("submit acme/users put") else { panic!("not a submit") };
    assert_eq!(submit.input.command.as_deref(), Some("put"));
    assert_eq!(submit.in_flight, 256);
    let Command::Submit(submit) = command("submit acme/users --lines - --in-flight 8 --replies") else {
        panic!("not a submit")
    };
    assert_eq!(submit.input.lines.as_deref(), Some(Path::new("-")));
    assert_eq!((submit.in_flight, submit.replies), (8, true));

    assert_eq!(refused("submit acme/users"), ErrorKind::MissingRequiredArgument);
    assert_eq!(refused("submit acme/users put --lines -"), ErrorKind::ArgumentConflict);
    assert_eq!(refused("submit acme/users --lines - --once"), ErrorKind::ArgumentConflict);
    assert_eq!(refused("submit acme/users --lines - --raw"), ErrorKind::ArgumentConflict);
    assert_eq!(refused("submit acme/users put --in-flight 8"), ErrorKind::ArgumentConflict);
    assert_eq!(refused("submit acme/users --lines - --in-flight 0"), ErrorKind::ValueValidation);
}

#[test]
fn names_are_checked_before_anything_is_sent() {
    assert_eq!(refused("submit users put"), ErrorKind::ValueValidation);
    assert_eq!(refused("group create acme/users --plugin acme/kv"), ErrorKind::ValueValidation);
    assert_eq!(refused("plugin upload acme/kv kv.wasm"), ErrorKind::ValueValidation);
    assert_eq!(refused("group delete Acme/users"), ErrorKind::ValueValidation);
}

#[test]
fn a_group_is_created_with_nodes_and_limits() {
    let line = "group create acme/users --plugin acme/kv@1 --nodes 1,2 --nodes 3 --limit key_bytes_max=10";
    let Command::Group(GroupCommand::Create(create)) = command(line) else { panic!("not a create") };
    assert_eq!(create.nodes, [1, 2, 3]);
    assert_eq!(create.limits, [("key_bytes_max".to_owned(), 10)]);
    assert_eq!(refused("group create a/b --plugin a/b@1 --limit keys=1"), ErrorKind::ValueValidation);
}

#[test]
fn queries_are_linearizable_unless_asked_otherwise() {
    let Command::Query(query) = command("query a/b get") else { panic!("not a query") };
    assert_eq!(query.consistency, ConsistencyArgument::Linearizable);
    let Command::Query(query) = command("query a/b get --consistency local") else { panic!("not a query") };
    assert_eq!(query.consistency, ConsistencyArgument::Local);
    assert_eq!(refused("query a/b"), ErrorKind::MissingRequiredArgument);
    let Command::Query(query) = command("query a/b get --consistency bounded --max-staleness 500ms") else {
        panic!("not a query")
    };
    assert_eq!(query.max_staleness, Some(Duration::from_millis(500)));
    assert_eq!(refused("query a/b get --consistency bounded"), ErrorKind::MissingRequiredArgument);
}

#[test]
fn the_other_commands_are_there() {
    assert!(matches!(command("serve --config node.toml"), Command::Serve(_)));
    assert!(matches!(command("dev --folder data"), Command::Dev(_)));
    assert!(matches!(command("demo --plugins p --input Cargo.lock --keep"), Command::Demo(_)));
    assert_eq!(refused("demo --plugins p --input Cargo.lock --increments 9"), ErrorKind::ValueValidation);
    assert!(matches!(
        command("plugin build plugins/kv --out kv.wasm"),
        Command::Plugin(PluginCommand::Build(_))
    ));
    assert!(matches!(command("plugin check kv.wasm"), Command::Plugin(PluginCommand::Check(_))));
    assert!(matches!(command("plugin list --tenant acme"), Command::Plugin(PluginCommand::List(_))));
    assert!(matches!(command("group describe a/b"), Command::Group(GroupCommand::Describe(_))));
    assert!(matches!(command("group snapshot a/b"), Command::Group(GroupCommand::Snapshot(_))));
    assert!(matches!(command("watch a/b --topic x --count 2"), Command::Watch(_)));
    assert!(matches!(command("node status 2"), Command::Node(NodeCommand::Status(_))));
    assert!(matches!(command("node drain 2 --dry-run"), Command::Node(NodeCommand::Drain(_))));
    assert_eq!(refused("node drain 2 --at-once 0"), ErrorKind::ValueValidation);
    assert!(matches!(command("node activate 2"), Command::Node(NodeCommand::Activate(_))));
    assert_eq!(refused("serve"), ErrorKind::MissingRequiredArgument);
}

#[test]
fn the_example_of_the_configuration_in_the_help_is_a_good_file() {
    let example: String =
        super::arguments::SERVE_HELP.lines().skip(1).map(|line| format!("{}\n", line.trim())).collect();
    let config = crate::config::Config::parse(&example, Path::new("node.toml")).expect("the help is right");
    assert_eq!(config.listen, "0.0.0.0:7300");
    // It shows the defaults.
    let default = crate::api::ApiConfig::default();
    assert_eq!(config.api.stream_in_flight_max, default.stream_in_flight_max);
    assert_eq!(config.api.request_timeout_max, default.request_timeout_max);
    assert_eq!(config.node.snapshot_entries, 10_000);
}
