use crate::{Data, ScriptError};
use bytes::Bytes;
use quorate_replica::ports::LifecycleEvent;
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a plugin is put through.
#[derive(Clone, Debug)]
pub struct Script {
    /// Each on a replica of its own.
    pub cases: Vec<Case>,
}

/// Some steps, one after the other.
#[derive(Clone, Debug)]
pub struct Case {
    /// In words.
    pub name: String,
    /// The steps.
    pub steps: Vec<(Step, Expected)>,
}

/// One thing that happens to a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Commands are applied, all in one entry.
    Apply(Vec<Bytes>),
    /// A query is asked.
    Query(Bytes),
    /// The log's time goes on by so many milliseconds, and the timers fire that are due by then.
    Pass(u64),
    /// The plugin is told of its replica's life.
    Tell(LifecycleEvent),
    /// A memory machine saves its state and goes on from what it saved.
    Checkpoint,
    /// The replica goes down and comes back.
    Restart,
    /// A fresh instance loads these bytes, and is asked the query if there is one.
    Load {
        /// What `save` may have written.
        state: Bytes,
        /// What the instance is asked then.
        query: Option<Bytes>,
    },
    /// A fresh instance takes over the state of another version, and is asked the query if there is one.
    Migrate {
        /// That state.
        state: FormerState,
        /// Its version.
        from: u32,
        /// What is asked then.
        query: Option<Bytes>,
    },
}

/// A state that another version of a plugin left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormerState {
    /// What a memory machine saved.
    Saved(Bytes),
    /// What stands in the store of a store machine.
    Pairs(BTreeMap<Bytes, Bytes>),
}

/// What must come of a step; what is left out may be anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// How each command, timer, or the query or load, ends.
    pub answers: Option<Vec<Answer>>,
    /// What all of them emit: topic, space, payload.
    pub events: Option<Vec<Bytes>>,
    /// What all of them log: level, space, message.
    pub logs: Option<Vec<String>>,
    /// What a callback proposes.
    pub proposals: Option<Vec<Bytes>>,
    /// What a checkpoint saves.
    pub saved: Option<Bytes>,
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this reply.
    Reply(Bytes),
    /// With this rejection.
    Rejected(Bytes),
    /// In a trap, of which the plugin or the host said this.
    Trapped(String),
}

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let file: ScriptFile = toml::from_str(text)?;
        if file.cases.is_empty() {
            return Err(ScriptError::Empty);
        }
        let cases = file.cases.into_iter().map(|CaseTable { name, steps }| {
            let steps = steps.into_iter().enumerate().map(|(place, step)| {
                step.read().map_err(|why| ScriptError::Step { case: name.clone(), step: place + 1, why })
            });
            let steps = steps.collect::<Result<_, _>>()?;
            Ok(Case { name, steps })
        });
        Ok(Self { cases: cases.collect::<Result<_, ScriptError>>()? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    #[serde(default, rename = "case")]
    cases: Vec<CaseTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseTable {
    name: String,
    steps: Vec<StepTable>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct StepTable {
    apply: Option<Data>,
    entry: Option<Vec<Data>>,
    query: Option<Data>,
    pass_ms: Option<u64>,
    tell: Option<String>,
    checkpoint: Option<bool>,
    restart: Option<bool>,
    load: Option<Data>,
    migrate: Option<Data>,
    migrate_store: Option<Vec<[Data; 2]>>,
    from: Option<u32>,

    reply: Option<Data>,
    rejected: Option<Data>,
    trapped: Option<String>,
    answers: Option<Vec<AnswerTable>>,
    events: Option<Vec<Data>>,
    logs: Option<Vec<String>>,
    proposals: Option<Vec<Data>>,
    saved: Option<Data>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AnswerTable {
    reply: Option<Data>,
    rejected: Option<Data>,
    trapped: Option<String>,
}

impl AnswerTable {
    fn read(self) -> Result<Option<Answer>, String> {
        match (self.reply, self.rejected, self.trapped) {
            (None, None, None) => Ok(None),
            (Some(reply), None, None) => Ok(Some(Answer::Reply(reply.bytes()?))),
            (None, Some(rejected), None) => Ok(Some(Answer::Rejected(rejected.bytes()?))),
            (None, None, Some(words)) => Ok(Some(Answer::Trapped(words))),
            _ => Err("a call ends in one way: `reply`, `rejected` or `trapped`".into()),
        }
    }
}

impl StepTable {
    fn read(self) -> Result<(Step, Expected), String> {
        let all = |values: Vec<Data>| values.iter().map(Data::bytes).collect::<Result<Vec<_>, _>>();
        let mut steps = Vec::new();
        if let Some(command) = self.apply {
            steps.push(Step::Apply(vec![command.bytes()?]));
        }
        if let Some(commands) = self.entry {
            steps.push(Step::Apply(all(commands)?));
        }
        let query = self.query.map(|request| request.bytes()).transpose()?;
        let former = match (self.migrate, self.migrate_store) {
            (None, None) => None,
            (Some(saved), None) => Some(FormerState::Saved(saved.bytes()?)),
            (None, Some(pairs)) => {
                let pairs = pairs.iter().map(|[key, value]| Ok((key.bytes()?, value.bytes()?)));
                Some(FormerState::Pairs(pairs.collect::<Result<_, String>>()?))
            }
            (Some(_), Some(_)) => {
                return Err("a state is either saved (`migrate`) or in the store (`migrate-store`)".into());
            }
        };
        match (self.load, former, self.from, query) {
            (Some(state), None, None, query) => steps.push(Step::Load { state: state.bytes()?, query }),
            (None, Some(state), Some(from), query) => steps.push(Step::Migrate { state, from, query }),
            (None, Some(_), None, _) => return Err("say `from` which version the state is".into()),
            (_, None, Some(_), _) => return Err("`from` is only for `migrate` and `migrate-store`".into()),
            (Some(_), Some(_), _, _) => return Err("it does two things; make it two steps".into()),
            (None, None, None, Some(request)) => steps.push(Step::Query(request)),
            (None, None, None, None) => {}
        }
        steps.extend(self.pass_ms.map(Step::Pass));
        if let Some(line) = self.tell {
            let event = event(&line).ok_or_else(|| format!("there is no callback for {line:?}"))?;
            steps.push(Step::Tell(event));
        }
        steps.extend(self.checkpoint.filter(|told| *told).map(|_| Step::Checkpoint));
        steps.extend(self.restart.filter(|told| *told).map(|_| Step::Restart));
        let step = match steps.len() {
            1 => steps.remove(0),
            0 => return Err("it does nothing: say `apply`, `entry`, `query`, `pass-ms`, `tell`, `checkpoint`, `restart`, `load`, `migrate` or `migrate-store`".into()),
            _ => return Err("it does two things; make it two steps".into()),
        };
        let one = AnswerTable { reply: self.reply, rejected: self.rejected, trapped: self.trapped }.read()?;
        let answers = match (one, self.answers) {
            (Some(_), Some(_)) => return Err("`answers` says how each call ends, so nothing else may".into()),
            (Some(answer), None) => Some(vec![answer]),
            (None, Some(answers)) => {
                let answers = answers
                    .into_iter()
                    .map(|answer| answer.read()?.ok_or_else(|| "an answer is empty".into()));
                Some(answers.collect::<Result<_, String>>()?)
            }
            (None, None) => None,
        };
        let expected = Expected {
            answers,
            events: self.events.map(all).transpose()?,
            logs: self.logs,
            proposals: self.proposals.map(all).transpose()?,
            saved: self.saved.map(|saved| saved.bytes()).transpose()?,
        };
        expected.fits(&step)?;
        Ok((step, expected))
    }
}

impl Expected {
    /// An expectation that nothing could meet, or everything, is a mistake of the script.
    fn fits(&self, step: &Step) -> Result<(), String> {
        let calls = matches!(step, Step::Apply(_) | Step::Query(_) | Step::Pass(_));
        for (given, may, name) in [
            (
                self.answers.is_some(),
                calls || matches!(step, Step::Load { .. } | Step::Migrate { .. }),
                "how a call ends",
            ),
            (self.events.is_some(), calls, "`events`"),
            (self.logs.is_some(), calls || matches!(step, Step::Tell(_)), "`logs`"),
            (self.proposals.is_some(), matches!(step, Step::Tell(_)), "`proposals`"),
            (self.saved.is_some(), matches!(step, Step::Checkpoint), "`saved`"),
        ] {
            if given && !may {
                return Err(format!("{name} is not for a step of this kind"));
            }
        }
        Ok(())
    }
}

/// What a line such as `leader-start 6` tells.
fn event(line: &str) -> Option<LifecycleEvent> {
    if let Some(message) = line.strip_prefix("error ") {
        return Some(LifecycleEvent::Error { message: message.to_owned() });
    }
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let number = |word: &str| word.parse::<u64>().ok();
    Some(match words.as_slice() {
        ["leader-start", term] => LifecycleEvent::LeaderStart { term: number(term)? },
        ["leader-stop", term] => LifecycleEvent::LeaderStop { term: number(term)? },
        ["start-following", leader, term] => {
            LifecycleEvent::StartFollowing { leader: ReplicaId(number(leader)?), term: number(term)? }
        }
        ["stop-following", leader, term] => {
            LifecycleEvent::StopFollowing { leader: ReplicaId(number(leader)?), term: number(term)? }
        }
        ["configuration-committed", index, members @ ..] => {
            LifecycleEvent::ConfigurationCommitted { index: number(index)?, members: self::members(members)? }
        }
        ["shutdown"] => LifecycleEvent::Shutdown,
        _ => return None,
    })
}

/// `voters 1 2 learners 3`, each on a node of its own number.
fn members(words: &[&str]) -> Option<Vec<Member>> {
    let mut role = None;
    let mut members = Vec::new();
    for word in words {
        match *word {
            "voters" => role = Some(MemberRole::Voter),
            "learners" => role = Some(MemberRole::Learner),
            word => {
                let number = word.parse().ok()?;
                members.push(Member { replica: ReplicaId(number), node: NodeId(number), role: role? });
            }
        }
    }
    Some(members)
}

#[cfg(test)]
mod tests;
