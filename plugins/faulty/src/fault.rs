//! The ways to misbehave.

use quorate_guest::{Host, Rejection, Reply};
use std::hint::black_box;

/// What the host does not let happen, or must bear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Trap,
    Spin,
    Recurse,
    Panic(String),
    Reject(String),
    Allocate(usize),
    HugeReply(usize),
    HugeRejection(usize),
    Log(usize),
}

impl Fault {
    pub(crate) fn parse(text: &str) -> Result<Self, Rejection> {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        let number = || rest.parse().map_err(|_| Rejection::from(format!("not a number: `{rest}`")));
        Ok(match verb {
            "trap" => Self::Trap,
            "spin" => Self::Spin,
            "recurse" => Self::Recurse,
            "panic" => Self::Panic(rest.into()),
            "reject" => Self::Reject(rest.into()),
            "allocate" => Self::Allocate(number()?),
            "huge-reply" => Self::HugeReply(number()?),
            "huge-rejection" => Self::HugeRejection(number()?),
            "log" => Self::Log(number()?),
            _ => return Err(format!("unknown `{text}`; the README of faulty lists what is known").into()),
        })
    }

    pub(crate) fn happen(self, host: &Host) -> Result<Reply, Rejection> {
        match self {
            Self::Log(lines) => {
                for line in 0..lines {
                    host.info(format_args!("line {line}"));
                }
                Ok(lines.to_string().into())
            }
            other => other.happen_alone(),
        }
    }

    /// Where there is no host to log to, nothing is logged.
    pub(crate) fn happen_alone(self) -> Result<Reply, Rejection> {
        match self {
            Self::Trap => trap(),
            Self::Spin => spin(),
            Self::Recurse => Ok(recurse(0).to_string().into()),
            Self::Panic(text) => panic!("{text}"),
            Self::Reject(text) => Err(text.into()),
            Self::Allocate(bytes) => {
                // Not zeroes: the allocator may know fresh memory to be zero, and touch none of it.
                let memory = black_box(vec![1_u8; bytes]);
                Ok(memory.len().to_string().into())
            }
            Self::HugeReply(bytes) => Ok(vec![b'r'; bytes].into()),
            Self::HugeRejection(bytes) => Err(vec![b'r'; bytes].into()),
            Self::Log(lines) => Ok(lines.to_string().into()),
        }
    }
}

/// A trap that says nothing, unlike a panic.
fn trap() -> ! {
    #[cfg(target_arch = "wasm32")]
    std::process::abort();
    #[cfg(not(target_arch = "wasm32"))]
    panic!("trap");
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Uses up the stack: a frame's bytes are read after the call, so that it cannot become a loop.
#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth.wrapping_add(1)).wrapping_add(frame[usize::from(depth.is_multiple_of(2))])
}
