//! The stable codes of errors: the `reason` of a `google.rpc.ErrorInfo`. Each has a page in `docs/errors/`.
//!
//! A code is never renamed and never used for something else.

/// The domain that stands beside every reason.
pub const DOMAIN: &str = "quorate";

/// Keys of the metadata that stand beside a reason.
pub mod metadata {
    /// Why it happened.
    pub const CAUSE: &str = "cause";
    /// What to do.
    pub const CURE: &str = "cure";
    /// With [`NOT_LEADER`](super::NOT_LEADER): the address of the leader, when one is known.
    pub const LEADER_ADDRESS: &str = "leader_address";
    /// With [`NOT_LEADER`](super::NOT_LEADER): the number of the leader's node, when one is known.
    pub const LEADER_NODE: &str = "leader_node";
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = stringify!($name);)+

        /// Every reason, in the order of the alphabet.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

reasons! {
    /// The address to listen on is taken by another process.
    ADDRESS_IN_USE;
    /// The address to listen on cannot be used here.
    ADDRESS_UNAVAILABLE;
    /// A command of a stream was not handed on because one before it failed.
    BEHIND_FAILURE;
    /// The catalog refused a change for a reason that has no code of its own.
    CATALOG_REFUSED;
    /// A command is larger than the group or the node allows.
    COMMAND_TOO_LARGE;
    /// The configuration file cannot be read or says something that cannot be.
    CONFIG_INVALID;
    /// The time that the caller gave, or the node allows, was over; the request had no effect.
    DEADLINE_EXCEEDED;
    /// A file or standard input cannot be read, or a file cannot be written.
    FILE_FAILED;
    /// Another process uses the data folder.
    FOLDER_IN_USE;
    /// The node lives in another data folder than the cluster knows it with.
    FOLDER_LOST;
    /// The data folder belongs to another node or another cluster.
    FOLDER_OF_OTHER_NODE;
    /// The data folder was written by a version whose format this one does not read.
    FOLDER_OF_OTHER_VERSION;
    /// The data folder cannot be created, opened or read.
    FOLDER_UNUSABLE;
    /// The group takes no commands, after too many have trapped in a row.
    GROUP_FROZEN;
    /// No group has this name.
    GROUP_NOT_FOUND;
    /// The group exists, but its replica on this node cannot take requests yet.
    GROUP_NOT_READY;
    /// The host itself failed: a defect or a broken machine.
    INTERNAL;
    /// A signal ended a command of the command line before it was done.
    INTERRUPTED;
    /// A field of the request holds what it may not.
    INVALID_ARGUMENT;
    /// A name is not of the form that names have.
    INVALID_NAME;
    /// A change of a group's members was taken down and is not brought about yet; it goes on.
    MEMBERS_CHANGING;
    /// The node holds no replica of the group, or none that can do what is asked.
    MEMBER_NOT_FOUND;
    /// A group of this name exists already.
    NAME_TAKEN;
    /// The node is being emptied and is given no replica.
    NODE_DRAINING;
    /// No node has this number.
    NODE_NOT_FOUND;
    /// The group has run no older version that it could go back to.
    NOTHING_TO_ROLL_BACK;
    /// Fewer fitting nodes are there than the group is to have replicas.
    NOT_ENOUGH_NODES;
    /// This node does not lead the group.
    NOT_LEADER;
    /// No majority of the group's replicas could be reached in time; the request had no effect.
    NO_QUORUM;
    /// No upgrade of the group is under way.
    NO_UPGRADE;
    /// A command was handed on and its answer is lost: it may or may not be applied, now or later.
    OUTCOME_UNKNOWN;
    /// More is waiting than the node or the group allows; nothing was accepted.
    OVERLOADED;
    /// The component is a core WebAssembly module, not a component.
    PLUGIN_CORE_MODULE;
    /// The source of a plugin could not be built.
    PLUGIN_DOES_NOT_BUILD;
    /// The component is valid, but the engine will not compile it.
    PLUGIN_DOES_NOT_COMPILE;
    /// The component imports something outside the contract.
    PLUGIN_FOREIGN_IMPORT;
    /// The plugin cannot be removed while groups run it.
    PLUGIN_IN_USE;
    /// The component did not do the same under different conditions.
    PLUGIN_NOT_DETERMINISTIC;
    /// No plugin is published under this reference.
    PLUGIN_NOT_FOUND;
    /// The bytes are not WebAssembly, or not valid.
    PLUGIN_NOT_WASM;
    /// The plugin did something else than its script says.
    PLUGIN_TEST_FAILED;
    /// The component is larger than the node allows.
    PLUGIN_TOO_LARGE;
    /// The component is built against another version of the contract.
    PLUGIN_WRONG_VERSION;
    /// The component does not export what a plugin must, or with other types.
    PLUGIN_WRONG_WORLD;
    /// A query met a failure of the host on this node.
    QUERY_FAILED;
    /// The group was not recovered, and is as it was.
    RECOVERY_REFUSED;
    /// The replica on this node met an error and applies no more.
    REPLICA_FAILED;
    /// A query's request is larger than the group or the node allows.
    REQUEST_TOO_LARGE;
    /// A sequence number of a session stands for another command already.
    SEQUENCE_REUSED;
    /// The group has as many sessions as it may.
    SESSIONS_FULL;
    /// The client has said that it has the answer, so it is kept no more.
    SESSION_ANSWERED;
    /// The group has no such session: it has ended, or never was.
    SESSION_EXPIRED;
    /// No more commands of the session, or of any, until the client says which answers it has.
    SESSION_WINDOW_FULL;
    /// The node is shutting down.
    SHUTTING_DOWN;
    /// No snapshot could be taken.
    SNAPSHOT_FAILED;
    /// The disk of a node is full.
    STORAGE_FULL;
    /// The leadership of a group could not be handed over; it is led as before.
    TRANSFER_FAILED;
    /// No node could be reached at the addresses given.
    UNREACHABLE;
    /// A version answers commands of the group's log otherwise than the one that runs; the upgrade was not asked for.
    UPGRADE_DIFFERS;
    /// The upgrade came to nothing: the group goes on with the version that it ran.
    UPGRADE_FAILED;
    /// The group cannot run this version.
    UPGRADE_REFUSED;
    /// An upgrade was taken down and is not done yet; it goes on.
    UPGRADE_UNDER_WAY;
    /// A version could not be tried in a copy of the group.
    UPGRADE_UNVERIFIED;
    /// The bytes of an upload are not those that its header announced.
    UPLOAD_BROKEN;
    /// This version of the plugin is published already, with other bytes.
    VERSION_TAKEN;
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use std::{collections::BTreeSet, fs, path::Path};

    fn pages() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
        fs::read_dir(folder)
            .expect("docs/errors")
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .filter_map(|name| name.strip_suffix(".md").map(str::to_owned))
            .filter(|name| name != "README")
            .collect()
    }

    #[test]
    fn reasons_stand_in_the_order_of_the_alphabet() {
        assert!(ALL.is_sorted(), "{ALL:?}");
    }

    #[test]
    fn every_reason_has_a_page_and_every_page_a_reason() {
        let reasons: BTreeSet<String> = ALL.iter().map(|&reason| reason.to_owned()).collect();
        assert_eq!(reasons, pages());
    }

    #[test]
    fn the_table_of_pages_names_every_reason() {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors/README.md");
        let readme = fs::read_to_string(readme).expect("docs/errors/README.md");
        for reason in ALL {
            assert!(readme.contains(&format!("[{reason}]({reason}.md)")), "{reason}");
        }
    }

    #[test]
    fn every_page_says_what_it_means_why_it_happens_and_what_to_do() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors");
        for reason in pages() {
            let page = fs::read_to_string(folder.join(format!("{reason}.md"))).expect("a page");
            assert!(page.starts_with(&format!("# {reason}\n")), "{reason}");
            for heading in ["\n## Cause\n", "\n## Cure\n"] {
                assert!(page.contains(heading), "{reason}: {heading:?}");
            }
        }
    }
}
