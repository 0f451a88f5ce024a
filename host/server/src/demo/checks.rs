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
    /// What had to be so, for people.
    pub(super) claim: &'static str,
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
        equal(&facts.counter, "counter_replicas_equal", "the replicas of the counter are equal"),
        equal(&facts.kv, "kv_replicas_equal", "the replicas of the kv are equal"),
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
        claim: "every command is accounted for",
        held: refused == 0 && kv.decided() == packages && counter.decided() == facts.increments,
        detail: format!("of {sent}: {acknowledged} acknowledged, {unknown} unknown, {refused} refused"),
    }
}

/// Nothing that was acknowledged is lost, and nothing was counted twice.
fn counted(facts: &Facts) -> Check {
    let counts = &facts.counter.counts;
    let (least, most) = (counts.acknowledged, counts.acknowledged + counts.unknown);
    let allowed = if least == most {
        format!("{least} acknowledged")
    } else {
        format!("{least} acknowledged, at most {most} with the unknown")
    };
    Check {
        name: "nothing_lost_or_twice",
        claim: "nothing is lost or counted twice",
        held: (least..=most).contains(&facts.total),
        detail: format!("the counter is at {}; {allowed}", facts.total),
    }
}

/// The kv group holds the file, nothing more and nothing less.
fn stored(facts: &Facts) -> Check {
    let differences = differences(&facts.packages, &facts.pairs);
    let stored = facts.pairs.len();
    Check {
        name: "kv_holds_the_file",
        claim: "what is stored is the file",
        held: differences.is_none(),
        detail: match differences {
            None => format!("{stored} packages, no more and no fewer"),
            Some(differences) => format!("of {stored} stored pairs: {differences}"),
        },
    }
}

/// Commands were acknowledged after the leader was killed.
fn failed_over(facts: &Facts) -> Check {
    let node = facts.crash.node;
    let failover = facts.counter.counts.failover;
    Check {
        name: "failed_over",
        claim: "the cluster went on without its leader",
        held: failover.is_some(),
        detail: match failover {
            Some(pause) => {
                format!("{:.2} s after node {node} was killed", pause.as_secs_f64())
            }
            None => format!("nothing was acknowledged after node {node} was killed"),
        },
    }
}

fn equal(group: &GroupFacts, name: &'static str, claim: &'static str) -> Check {
    let all = &group.settled.replicas;
    let held = replicas::equal(all);
    let detail = match all.first() {
        Some(one) if held => {
            format!("all {} at index {}, digest {}", all.len(), one.applied, start_of(&one.digest))
        }
        _ => {
            let each = all.iter().map(|replica| {
                format!("node {} at {} with {}", replica.node, replica.applied, start_of(&replica.digest))
            });
            format!("they differ: {}", each.collect::<Vec<_>>().join(", "))
        }
    };
    Check { name, claim, held, detail }
}

/// Each replica gives the same answers when it is asked on its own, also the one that was killed.
fn same_alone(facts: &Facts) -> Check {
    let other = facts.alone.iter().find(|alone| alone.total != facts.total || alone.pairs != facts.pairs);
    Check {
        name: "same_answers_alone",
        claim: "every replica gives the same answers",
        held: other.is_none() && !facts.alone.is_empty(),
        detail: match other {
            None => format!("{} nodes, each asked on its own", facts.alone.len()),
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
        claim: "the plugin saw the leaders change",
        held,
        detail: format!("terms {terms}; the leader of term {killed} was killed"),
    }
}

/// What is missing, too much or different; none when nothing is.
fn differences(expected: &Packages, found: &Packages) -> Option<String> {
    let missing = expected.keys().filter(|name| !found.contains_key(*name));
    let more = found.keys().filter(|name| !expected.contains_key(*name));
    let other =
        expected.iter().filter(|(name, versions)| found.get(*name).is_some_and(|found| found != *versions));
    let told: Vec<String> = [
        some_names("missing", &missing.collect::<Vec<_>>()),
        some_names("too many", &more.collect::<Vec<_>>()),
        some_names("different", &other.map(|(name, _)| name).collect::<Vec<_>>()),
    ]
    .into_iter()
    .flatten()
    .collect();
    if told.is_empty() { None } else { Some(told.join("; ")) }
}

fn some_names(what: &str, names: &[&String]) -> Option<String> {
    let shown = names.iter().take(NAMES_SHOWN).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    let more = if names.len() > NAMES_SHOWN { ", ..." } else { "" };
    (!names.is_empty()).then(|| format!("{} {what} ({shown}{more})", names.len()))
}

fn start_of(digest: &str) -> &str {
    digest.get(..DIGEST_CHARACTERS_SHOWN).unwrap_or(digest)
}
