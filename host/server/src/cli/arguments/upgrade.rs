//! `quorate group upgrade`, `rollback` and `poison`

use super::{ServerArguments, WaitArguments};
use clap::Args;
use quorate_vocabulary::{GroupName, PluginReference};

/// `quorate group upgrade`
#[derive(Args, Debug)]
pub(crate) struct GroupUpgradeArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// The version that it is to run: tenant/name@version, published.
    #[arg(value_name = "REFERENCE", required_unless_present = "cancel", conflicts_with = "cancel")]
    pub(crate) plugin: Option<PluginReference>,
    /// Give up the upgrade that is under way, if it is not in the group's log yet.
    #[arg(long)]
    pub(crate) cancel: bool,
    #[command(flatten)]
    pub(crate) verify: VerifyArguments,
    #[command(flatten)]
    pub(crate) wait: WaitArguments,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// Whether a version is tried before a group is told to run it.
#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    /// Try the version first, in a copy of the group: what it did since its newest snapshot is done again with both versions,
    /// and the answers are compared. Where any differs, nothing is changed.
    #[arg(long, conflicts_with = "cancel")]
    pub(crate) verify: bool,
    /// Try the version in a copy of the group, and go no further.
    #[arg(long, conflicts_with = "cancel")]
    pub(crate) verify_only: bool,
    /// Differing answers are what is wanted: they are only reported.
    #[arg(long, conflicts_with = "cancel")]
    pub(crate) accept_differences: bool,
}

/// `quorate group rollback`
#[derive(Args, Debug)]
pub(crate) struct GroupRollbackArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    #[command(flatten)]
    pub(crate) wait: WaitArguments,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}

/// `quorate group poison`
#[derive(Args, Debug)]
pub(crate) struct GroupPoisonArguments {
    /// The group: tenant/name.
    #[arg(value_name = "GROUP")]
    pub(crate) name: GroupName,
    /// It takes no more commands once so many have trapped in a row; 0: it goes on whatever traps.
    #[arg(long, value_name = "TRAPS")]
    pub(crate) freeze_after: u32,
    #[command(flatten)]
    pub(crate) server: ServerArguments,
}
