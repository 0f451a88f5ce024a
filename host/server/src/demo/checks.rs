//! Whether what was found out is what had to be.

use super::{
    facts::{Facts, GroupFacts},
    packages::Packages,
    replicas,
};
use serde::Serialize;

/// So many names are shown of things that differ.
const NAMES_SHOWN: usize = 3;

/// So much of a digest is shown.
const DIGEST_CHARACTERS_SHOWN: usize = 12;

/// One thing that had to be so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// Its stable name.
    pub(super) name: &'static str,
    /// Whether it was so.
    pub(super) held: bool,
    /// What was found, for people.
    pub(super) detail: String,
}

/// All checks, in the order in which they are told.
pub(super) fn all(facts: &Facts) -> Vec<Check> {
    vec![
        all_answered(facts),
        counted(facts),
        stored(facts),
        failed_over(facts),
        equal(&facts.counter, "counter_replicas_equal"),
        equal(&facts.kv, "kv_replicas_equal"),
        same_alone(facts),
        leaders_seen(facts),
    ]
}

/// Every command was answered or is unknown, and none was refused.
fn all_answered(facts: &Facts) -> Check {
    let (kv, counter) = (&facts.kv.counts, &facts.counter.counts);
    let packages = u64::try_from(facts.packages.len()).unwrap_or(u64::MAX);
    let sent = packages.saturating_add(facts.increments);
    let acknowledged = kv.acknowledged + counter.acknowledged;
    let refused = kv.rejected + kv.trapped + counter.rejected + counter.trapped;
    let unknown = kv.unknown + counter.unknown;
    Check {
        name: "all_commands_decided",
        held: refused == 0 && kv.decided() == packages && counter.decided() == facts.increments,
        detail: format!(
            "of {sent} commands, {acknowledged} were acknowledged, {unknown} are unknown and {refused} were refused"
        ),
    }
}

/// Nothing that was acknowledged is lost, and nothing was counted twice.
fn counted(facts: &Facts) -> Check {
    let counts = &facts.counter.counts;
    let (least, most) = (counts.acknowledged, counts.acknowledged + counts.unknown);
    let allowed = if least == most {
        format!("the {least} that were acknowledged")
    } else {
        format!("from {least} acknowledged to {most} with the {} unknown", counts.unknown)
    };
    Check {
        name: "nothing_lost_or_twice",
        held: (least..=most).contains(&facts.total),
        detail: format!("the counter is at {}; allowed: {allowed}", facts.total),
    }
}

/// The kv group holds the file, nothing more and nothing less.
fn stored(facts: &Facts) -> Check {
    let differences = differences(&facts.packages, &facts.pairs);
    let stored = facts.pairs.len();
    Check {
        name: "kv_holds_the_file",
        held: differences.is_none(),
        detail: match differences {
            None => format!("the {stored} stored pairs are the packages of the file, no more and no fewer"),
            Some(differences) => format!("the {stored} stored pairs are not the file: {differences}"),
        },
    }
}

/// Commands were acknowledged after the leader was killed.
fn failed_over(facts: &Facts) -> Check {
    let node = facts.crash.node;
    let failover = facts.counter.counts.failover;
    Check {
        name: "failed_over",
        held: failover.is_some(),
        detail: match failover {
            Some(pause) => {
                format!("with node {node} killed, the others went on after {:.2} s", pause.as_secs_f64())
            }
            None => format!("with node {node} killed, nothing was acknowledged any more"),
        },
    }
}

fn equal(group: &GroupFacts, name: &'static str) -> Check {
    let all = &group.settled.replicas;
    let held = replicas::equal(all);
    let detail = match all.first() {
        Some(one) if held => format!(
            "the {} replicas of {} are equal at index {}, digest {}",
            all.len(),
            group.name,
            one.applied,
            start_of(&one.digest)
        ),
        _ => {
            let each = all.iter().map(|replica| {
                format!("node {} at {} with {}", replica.node, replica.applied, start_of(&replica.digest))
            });
            format!("the replicas of {} differ: {}", group.name, each.collect::<Vec<_>>().join(", "))
        }
    };
    Check { name, held, detail }
}

/// Each replica gives the same answers when it is asked on its own, also the one that was killed.
fn same_alone(facts: &Facts) -> Check {
    let other = facts.alone.iter().find(|alone| alone.total != facts.total || alone.pairs != facts.pairs);
    Check {
        name: "same_answers_alone",
        held: other.is_none() && !facts.alone.is_empty(),
        detail: match other {
            None => format!("{} replicas, each asked on its own, give the same answers", facts.alone.len()),
            Some(other) => {
                let pairs = differences(&facts.pairs, &other.pairs).unwrap_or_else(|| "the same".to_owned());
                format!(
                    "node {}, asked on its own, is at {}, not {}; pairs: {pairs}",
                    other.node, other.total, facts.total
                )
            }
        },
    }
}

/// The plugin was told of the leader that was killed, of the one after it, and of the one that leads now.
fn leaders_seen(facts: &Facts) -> Check {
    let settled = &facts.counter.settled;
    let terms: Vec<u64> = settled.leaders.iter().map(|leader| leader.term).collect();
    let killed = facts.crash.term;
    let held = terms.is_sorted_by(|one, next| one < next)
        && terms.contains(&killed)
        && terms.last().is_some_and(|last| *last > killed)
        && settled.leader_is_noted();
    let terms = terms.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    Check {
        name: "plugin_saw_the_leaders",
        held,
        detail: format!(
            "the plugin of {} saw leaders in the terms {terms}; killed was that of {killed}",
            facts.counter.name
        ),
    }
}

/// What is missing, too much or different; none when nothing is.
fn differences(expected: &Packages, found: &Packages) -> Option<String> {
    let missing = expected.keys().filter(|name| !found.contains_key(*name));
    let more = found.keys().filter(|name| !expected.contains_key(*name));
    let other =
        expected.iter().filter(|(name, versions)| found.get(*name).is_some_and(|found| found != *versions));
    let told: Vec<String> = [
        some_names("missing", missing.collect()),
        some_names("too many", more.collect()),
        some_names("different", other.map(|(name, _)| name).collect()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if told.is_empty() { None } else { Some(told.join("; ")) }
}

fn some_names(what: &str, names: Vec<&String>) -> Option<String> {
    let shown = names.iter().take(NAMES_SHOWN).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMES_SHOWN { ", ..." } else { "" };
    (!names.is_empty()).then(|| format!("{} {what} ({shown}{more})", names.len()))
}

fn start_of(digest: &str) -> &str {
    digest.get(..DIGEST_CHARACTERS_SHOWN).unwrap_or(digest)
}
