//! What only reads.

use crate::keys;
use crate::record::{Holder, Waiter};
use quorate_guest::StoreView;
use words::{Word, number, written};

/// The most locks that are listed.
pub(crate) const LISTED_MAX: usize = 1000;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`holder NAME`, `check NAME TOKEN`, `waiters NAME`, `list [PREFIX]`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Query<'text> {
    Holder { name: Word<'text> },
    Check { name: Word<'text>, token: u64 },
    Waiters { name: Word<'text> },
    List { prefix: Word<'text> },
}

impl<'text> Query<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let words = words::split(line)?;
        let (verb, parameters) =
            words.split_first().map_or((&b""[..], &[][..]), |(verb, rest)| (&**verb, rest));
        match (verb, parameters) {
            (b"holder", [name]) => Ok(Self::Holder { name: name.clone() }),
            (b"check", [name, token]) => Ok(Self::Check { name: name.clone(), token: number(token)? }),
            (b"waiters", [name]) => Ok(Self::Waiters { name: name.clone() }),
            (b"list", []) => Ok(Self::List { prefix: Word::default() }),
            (b"list", [prefix]) => Ok(Self::List { prefix: prefix.clone() }),
            _ => Err(format!("unknown query `{}`; known are {KNOWN}", written(verb))),
        }
    }

    pub(crate) fn answer(&self, store: &StoreView) -> Result<String, String> {
        let holder = |name: &[u8]| {
            let holder = store.get(keys::holder(name)).and_then(|bytes| Holder::read(&bytes));
            holder.ok_or_else(|| format!("{} is free", written(name)))
        };
        match self {
            Self::Holder { name } => holder(name).map(|holder| line(&holder)),
            Self::Check { name, token } => {
                let holder = holder(name)?;
                if holder.token == *token {
                    return Ok("ok".to_owned());
                }
                Err(format!("{} is held with the token {}, not {token}", written(name), holder.token))
            }
            Self::Waiters { name } => {
                let waiters = store.prefix(keys::waiters(name));
                let waiters = waiters.filter_map(|pair| Waiter::read(&pair.value));
                let lines = waiters.map(|waiter| format!("{} {}", written(&waiter.owner), waiter.until_ms));
                Ok(lines.collect::<Vec<_>>().join("\n"))
            }
            Self::List { prefix } => {
                let held = store.prefix(keys::holder(prefix)).take(LISTED_MAX);
                let lines = held.filter_map(|pair| {
                    let name = pair.key.strip_prefix(keys::HOLDER)?;
                    Some(format!("{} {}", written(name), line(&Holder::read(&pair.value)?)))
                });
                Ok(lines.collect::<Vec<_>>().join("\n"))
            }
        }
    }
}

fn line(holder: &Holder) -> String {
    format!("{} {} {}", written(&holder.owner), holder.token, holder.until_ms)
}
