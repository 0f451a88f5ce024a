//! Replicas note their digests, and a verdict stops the one that has noted something else.

use super::harness::{BOTH, Host, text};
use crate::{
    EntryBody, ReplicaFault,
    ports::{Attested, Snapshots, StateDigest},
};
use quorate_vocabulary::MachineKind;

/// Has the digest noted.
fn attest(host: &mut Host) -> Attested {
    let digest = host.replica.applied().digest;
    let index = host.append(EntryBody::Attest { time_ms: 5 }).index;
    assert_eq!(host.replica.applied().attested, Some(Attested { index, digest }));
    Attested { index, digest }
}

fn verdict(host: &mut Host, attested: Attested, agreed: u64) -> Result<(), ReplicaFault> {
    let Attested { index, digest } = attested;
    let entry = host.history.push(1, EntryBody::Verdict { time_ms: 6, index, digest: digest.0, agreed });
    host.replica.apply(&entry).map(|_| ())
}

fn other(attested: Attested) -> Attested {
    Attested { digest: StateDigest([9; 32]), ..attested }
}

#[test]
fn a_replica_that_noted_what_most_did_goes_on() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        let first = attest(&mut host);
        verdict(&mut host, first, 0).expect("it agrees");
        let second = attest(&mut host);
        verdict(&mut host, other(first), 0).expect("too late: it has noted another since");
        assert_ne!(first.digest, second.digest, "everything before is in it");
        assert_eq!(text(&host.apply_one("add a 1")), "2");
    }
}

#[test]
fn a_replica_that_noted_something_else_stops_and_says_since_when() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        let attested = attest(&mut host);
        host.apply(&["add a 1"]);
        let fault = verdict(&mut host, other(attested), 2).expect_err("it has diverged");
        assert!(matches!(fault, ReplicaFault::Outvoted { agreed: 2, index } if index == attested.index));
        let said = fault.to_string();
        assert!(said.contains("at entry 2 all still agreed"), "{said}");
        let entry = host.history.push(1, EntryBody::Empty);
        assert!(matches!(host.replica.apply(&entry), Err(ReplicaFault::Stopped { .. })));
    }
}

#[test]
fn what_was_noted_outlives_a_restart_and_is_in_snapshots() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        let attested = attest(&mut host);
        match kind {
            MachineKind::Memory => drop(host.checkpoint()),
            MachineKind::Store => host.state.flush(),
        }
        host.reopen().expect("its own disk opens");
        assert_eq!(host.replica.applied().attested, Some(attested));
        verdict(&mut host, other(attested), 0).expect_err("it remembers what it has noted");
    }
}

#[test]
fn only_what_asks_something_of_the_machine_is_worth_comparing() {
    let mut host = Host::new(MachineKind::Store);
    host.append(EntryBody::Empty);
    assert_eq!(host.replica.unattested_entries(), 0);
    host.apply(&["add a 1"]);
    host.fire(5);
    assert_eq!(host.replica.unattested_entries(), 2);
    attest(&mut host);
    host.append(EntryBody::Checkpoint { time_ms: 5 });
    assert_eq!(host.replica.unattested_entries(), 0);
}

#[test]
fn what_a_diverged_replica_holds_can_be_kept() {
    for kind in BOTH {
        let mut host = Host::new(kind);
        host.apply(&["add a 1"]);
        let attested = attest(&mut host);
        verdict(&mut host, other(attested), 0).expect_err("it has diverged");
        let snapshots = host.snapshots.clone();
        let kept = host.replica.write_evidence().expect("no fault").expect("it has a state");
        assert_eq!(kept.header.point.index, attested.index, "the verdict is not in it");
        assert_eq!(snapshots.newest().expect("no fault"), Some(kept));
    }
}
