//! A number that many can add to: ../../README.md says what it does.

use quorate_guest::{
    Callback, Context, Host, Level, Lifecycle, MemoryMachine, MemoryTimers, MemoryUpgrade, Rejection, Reply,
    SnapshotReader, SnapshotWriter,
};
use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};

/// How many changes of leader are kept; older ones are forgotten.
const LEADERS_MAX: usize = 100;
/// The number of the one timer.
const RESET: u64 = 0;

struct Leader {
    term: u64,
    index: u64,
}

/// The machine. Its fields are its state.
#[derive(Default)]
struct Counter {
    value: u64,
    leaders: VecDeque<Leader>,
}

impl MemoryMachine for Counter {
    fn new() -> Self {
        Self::default()
    }

    fn apply(&mut self, context: &Context, command: &[u8]) -> Result<Reply, Rejection> {
        let text = text(command)?;
        if let Some((level, line)) = text.strip_prefix("say ").and_then(|rest| rest.split_once(' ')) {
            context.log(self::level(level)?, line);
            return Ok("ok".into());
        }
        // Without WASI there is nowhere to print to, no clock and no entropy: the host is asked.
        if let Some(line) = text.strip_prefix("print ") {
            context.info(line);
            return Ok("ok".into());
        }
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["add", word] => {
                let amount = number(word)?;
                self.change(context, self.value.checked_add(amount), "add", amount)
            }
            ["subtract", word] => {
                let amount = number(word)?;
                self.change(context, self.value.checked_sub(amount), "subtract", amount)
            }
            ["note-leader", word] => {
                self.note(Leader { term: number(word)?, index: context.position().index });
                Ok("ok".into())
            }
            ["reset-at", word] => {
                context.set_timer(RESET, number(word)?);
                Ok("ok".into())
            }
            ["keep"] => {
                context.cancel_timer(RESET);
                Ok("ok".into())
            }
            ["now"] => Ok(context.time_ms().to_string().into()),
            ["draw" | "entropy"] => Ok(context.random().to_string().into()),
            ["where"] => {
                let position = context.position();
                Ok(format!("{} {} {}", position.index, position.ordinal, context.time_ms()).into())
            }
            ["trap"] => panic!("the command `trap` always ends so"),
            _ => Err(format!("unknown command `{text}`").into()),
        }
    }

    fn query(&self, host: &Host, request: &[u8]) -> Result<Reply, Rejection> {
        match text(request)? {
            "get" => Ok(self.value.to_string().into()),
            "leaders" => {
                let lines =
                    self.leaders.iter().map(|Leader { term, index }| format!("term {term} at index {index}"));
                Ok(lines.collect::<Vec<_>>().join("\n").into())
            }
            "group" => {
                let group = host.group();
                Ok(format!("{} {}", group.id, group.name).into())
            }
            text => Err(format!("unknown query `{text}`").into()),
        }
    }

    fn save(&self, snapshot: &mut SnapshotWriter) -> io::Result<()> {
        write!(snapshot, "counter 1\nvalue {}\n", self.value)?;
        self.leaders.iter().try_for_each(|Leader { term, index }| writeln!(snapshot, "leader {term} {index}"))
    }

    fn load(snapshot: &mut SnapshotReader) -> io::Result<Self> {
        let mut text = String::new();
        snapshot.read_to_string(&mut text)?;
        Self::parse(&text).map_err(io::Error::other)
    }
}

impl Counter {
    fn change(
        &mut self,
        context: &Context,
        changed: Option<u64>,
        verb: &str,
        amount: u64,
    ) -> Result<Reply, Rejection> {
        self.value = changed.ok_or_else(|| {
            format!(
                "cannot {verb} {amount}: the value is {} and must stay from 0 to {}",
                self.value,
                u64::MAX
            )
        })?;
        let text = self.value.to_string();
        context.emit("changed", &text);
        Ok(text.into())
    }

    /// A term has one leader, so a repeat is not kept.
    fn note(&mut self, leader: Leader) {
        if self.leaders.iter().any(|known| known.term == leader.term) {
            return;
        }
        if self.leaders.len() == LEADERS_MAX {
            self.leaders.pop_front();
        }
        self.leaders.push_back(leader);
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let mut lines = text.lines();
        let value = match (lines.next(), lines.next().and_then(|line| line.strip_prefix("value "))) {
            (Some("counter 1"), Some(value)) => value.parse().map_err(|_| "not a counter of format 1")?,
            _ => return Err("not a counter of format 1"),
        };
        let leader = |line: &str| {
            let (term, index) = line.strip_prefix("leader ")?.split_once(' ')?;
            Some(Leader { term: term.parse().ok()?, index: index.parse().ok()? })
        };
        let leaders =
            lines.map(|line| leader(line).ok_or("not a change of leader")).collect::<Result<_, _>>()?;
        Ok(Self { value, leaders })
    }
}

impl MemoryTimers for Counter {
    fn fired(&mut self, context: &Context, _timer: u64) -> Result<(), Rejection> {
        context.emit("reset", self.value.to_string());
        self.value = 0;
        Ok(())
    }
}

impl MemoryUpgrade for Counter {
    const STATE_VERSION: u32 = 1;

    /// Version 0 of the state was the value alone.
    fn migrate(snapshot: &mut SnapshotReader, from: u32) -> io::Result<Self> {
        if from != 0 {
            return Err(io::Error::other(format!("no counter of version {from} is known")));
        }
        let mut text = String::new();
        snapshot.read_to_string(&mut text)?;
        let value = number(&text).map_err(|_| io::Error::other("not a counter of version 0"))?;
        Ok(Self { value, ..Self::default() })
    }
}

impl Lifecycle for Counter {
    /// What this replica is told is put in the log, so that every replica can show it.
    fn leader_start(&self, callback: &Callback<Self>, term: u64) {
        callback.info(format_args!("leads in term {term}"));
        callback.propose(format!("note-leader {term}"));
    }
}

fn text(bytes: &[u8]) -> Result<&str, Rejection> {
    str::from_utf8(bytes).map_err(|_| "commands and queries are UTF-8 text".into())
}

fn number(word: &str) -> Result<u64, Rejection> {
    // The parser also takes a plus sign.
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { word.parse().ok() } else { None };
    number.ok_or_else(|| format!("not a whole number from 0 to {}: {word}", u64::MAX).into())
}

fn level(word: &str) -> Result<Level, Rejection> {
    Ok(match word {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "info" => Level::Info,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => return Err(format!("unknown level `{word}`").into()),
    })
}

quorate_guest::export_memory_machine!(Counter, lifecycle, timers, upgrade);
