//! What changes the state.

use crate::keys;
use crate::locks::{Locks, WAITERS_MAX};
use crate::record::{Holder, Waiter};
use words::{Word, number, written};

/// The shortest and the longest lease, and the same for patience: ten milliseconds, and a day.
pub(crate) const DURATION_MS_MIN: u64 = 10;
pub(crate) const DURATION_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// What may be typed, for those who typed something else.
const KNOWN: &str = "`acquire NAME OWNER LEASE-MS [WAIT-MS]`, `renew NAME TOKEN LEASE-MS`, `release NAME TOKEN`, \
    `give-up NAME OWNER`";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command<'text> {
    Acquire { name: Word<'text>, owner: Word<'text>, lease_ms: u64, wait_ms: Option<u64> },
    Renew { name: Word<'text>, token: u64, lease_ms: u64 },
    Release { name: Word<'text>, token: u64 },
    GiveUp { name: Word<'text>, owner: Word<'text> },
}

impl<'text> Command<'text> {
    pub(crate) fn parse(line: &'text [u8]) -> Result<Self, String> {
        let words = words::split(line)?;
        let (verb, parameters) =
            words.split_first().map_or((&b""[..], &[][..]), |(verb, rest)| (&**verb, rest));
        let command = match (verb, parameters) {
            (b"acquire", [name, owner, lease]) => {
                let (name, owner) = (name.clone(), owner.clone());
                Self::Acquire { name, owner, lease_ms: duration(lease)?, wait_ms: None }
            }
            (b"acquire", [name, owner, lease, wait]) => {
                let (name, owner) = (name.clone(), owner.clone());
                Self::Acquire { name, owner, lease_ms: duration(lease)?, wait_ms: Some(duration(wait)?) }
            }
            (b"renew", [name, token, lease]) => {
                Self::Renew { name: name.clone(), token: number(token)?, lease_ms: duration(lease)? }
            }
            (b"release", [name, token]) => Self::Release { name: name.clone(), token: number(token)? },
            (b"give-up", [name, owner]) => Self::GiveUp { name: name.clone(), owner: owner.clone() },
            _ => return Err(format!("unknown command `{}`; known are {KNOWN}", written(verb))),
        };
        match &command {
            Self::Acquire { name, owner, .. } | Self::GiveUp { name, owner } => {
                keys::check_name(name)?;
                keys::check_name(owner)?;
            }
            Self::Renew { name, .. } | Self::Release { name, .. } => keys::check_name(name)?,
        }
        Ok(command)
    }

    pub(crate) fn apply(&self, locks: &mut Locks<'_>) -> Result<String, String> {
        match self {
            Self::Acquire { name, owner, lease_ms, wait_ms } => {
                acquire(locks, name, owner, *lease_ms, *wait_ms)
            }
            Self::Renew { name, token, lease_ms } => {
                let holder = held_with(locks, name, *token)?;
                Ok(held(&locks.renew(name, holder, *lease_ms)))
            }
            Self::Release { name, token } => {
                let holder = held_with(locks, name, *token)?;
                locks.end_lease(name, &holder, "released");
                Ok("ok".to_owned())
            }
            Self::GiveUp { name, owner } => {
                // Who is next by now holds the lock already.
                locks.holder(name);
                let waiting = locks.waiters(name).into_iter().find(|(_, waiter)| waiter.owner == **owner);
                let (number, waiter) = waiting
                    .ok_or_else(|| format!("{} does not wait for {}", written(owner), written(name)))?;
                locks.remove_waiter(name, number, &waiter);
                Ok("ok".to_owned())
            }
        }
    }
}

fn duration(word: &[u8]) -> Result<u64, String> {
    let milliseconds = number(word)?;
    if (DURATION_MS_MIN..=DURATION_MS_MAX).contains(&milliseconds) {
        return Ok(milliseconds);
    }
    Err(format!("a time is from {DURATION_MS_MIN} to {DURATION_MS_MAX} milliseconds, not {milliseconds}"))
}

fn held(holder: &Holder) -> String {
    format!("held {} {}", holder.token, holder.until_ms)
}

fn acquire(
    locks: &mut Locks<'_>,
    name: &[u8],
    owner: &[u8],
    lease_ms: u64,
    wait_ms: Option<u64>,
) -> Result<String, String> {
    let Some(holder) = locks.holder(name) else {
        return Ok(held(&locks.grant(name, owner, lease_ms)));
    };
    // Asked again, because the answer was lost.
    if holder.owner == owner {
        return Ok(held(&holder));
    }
    let Some(wait_ms) = wait_ms else {
        let (name, owner) = (written(name), written(&holder.owner));
        return Err(format!("{name} is held by {owner} until {}", holder.until_ms));
    };
    let waiters = locks.waiters(name);
    if let Some(place) = waiters.iter().position(|(_, waiter)| waiter.owner == owner) {
        return Ok(format!("waiting {}", place + 1));
    }
    if waiters.len() >= WAITERS_MAX {
        return Err(format!("{WAITERS_MAX} wait for {} already", written(name)));
    }
    let until_ms = locks.now_ms().saturating_add(wait_ms);
    locks.push_waiter(name, &Waiter { lease_ms, until_ms, owner: owner.to_vec() });
    Ok(format!("waiting {}", waiters.len() + 1))
}

/// The holder, if it is the one with this token.
fn held_with(locks: &mut Locks<'_>, name: &[u8], token: u64) -> Result<Holder, String> {
    match locks.holder(name) {
        Some(holder) if holder.token == token => Ok(holder),
        Some(holder) => {
            Err(format!("{} is held with the token {}, not {token}", written(name), holder.token))
        }
        None => Err(format!("{} is free: the lease of the token {token} has ended", written(name))),
    }
}
