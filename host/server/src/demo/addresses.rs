//! Addresses on this machine that nothing listens on.

use crate::cli::failure::Failure;
use quorate_proto::reason;
use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    process,
};

/// On a loopback address of the demo's own.
const PORT: u16 = 7300;

/// The last bytes of addresses that are tried.
const LAST_BYTES: std::ops::RangeInclusive<u8> = 241..=254;

/// Where the loopback interface has one address only. Below the ports that systems give to connections: a port of a
/// node that is down for a while must not be taken by one.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// So many addresses, none of which is in use.
pub(super) fn free(count: usize) -> Result<Vec<String>, Failure> {
    let mut free = Vec::new();
    let mut last_error = None;
    for address in candidates(process::id()) {
        match TcpListener::bind(address) {
            Ok(_) => free.push(address.to_string()),
            Err(error) => last_error = Some(error),
        }
        if free.len() == count {
            return Ok(free);
        }
    }
    let failure =
        Failure::new(reason::ADDRESS_UNAVAILABLE, format!("{count} free loopback addresses are not there"))
            .cure("check that the loopback interface is up, and that not all of its ports are taken");
    Err(match last_error {
        Some(error) => failure.cause(error.to_string()),
        None => failure,
    })
}

/// Those that two demos at a time do not share come first.
fn candidates(process: u32) -> impl Iterator<Item = SocketAddrV4> {
    let [_, _, high, low] = process.to_be_bytes();
    // 127.0.x.y is what others use, and 127.255.255.255 is no address.
    let own = move |last| SocketAddrV4::new(Ipv4Addr::new(127, high % 254 + 1, low, last), PORT);
    let first = usize::from(u16::from_be_bytes([high, low])) % PORTS.len();
    let ports = PORTS.cycle().skip(first).take(PORTS.len());
    LAST_BYTES.map(own).chain(ports.map(|port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn candidates_are_loopback_addresses_each_of_them_once() {
        for process in [0, 1, 255, 65_535, u32::MAX] {
            let all: Vec<_> = candidates(process).collect();
            assert!(all.iter().all(|address| address.ip().is_loopback()));
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        }
    }

    #[test]
    fn what_is_in_use_is_passed_over() {
        let first = free(1).expect("a free address").remove(0);
        let _taken = TcpListener::bind(&first).expect("it is free");
        let others = free(3).expect("free addresses");
        assert_eq!(others.len(), 3);
        assert!(!others.contains(&first), "{others:?}");
    }
}
