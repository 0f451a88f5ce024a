//! What is done about a replica that is of no use any more.

use super::fixtures::{create, edit, furnished, group, must, set_members, voters};
use crate::{Group, Renewal};
use quorate_vocabulary::{Member, MemberRole, NodeId, ReplicaId};

fn with(roles: &[MemberRole]) -> Group {
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1])]);
    let member = |(number, role): (u64, &MemberRole)| Member {
        replica: ReplicaId(number),
        node: NodeId(number),
        role: *role,
    };
    Group { members: (1..).zip(roles).map(member).collect(), ..group(&state, "acme/a") }
}

#[test]
fn a_member_is_replaced_where_the_others_are_a_majority_and_hold_the_data() {
    use MemberRole::{Learner, Voter, Witness};
    let first = |roles: &[MemberRole]| with(roles).renewal(ReplicaId(1));
    assert_eq!(first(&[Voter, Voter, Voter]), Renewal::Member);
    assert_eq!(first(&[Voter, Voter, Witness]), Renewal::Member);
    assert_eq!(first(&[Learner, Voter]), Renewal::Member);
    assert_eq!(first(&[Voter, Voter]), Renewal::Never, "one of two is no majority");
    assert_eq!(first(&[Voter]), Renewal::Never);
    assert_eq!(first(&[Voter, Witness, Witness]), Renewal::Never, "nobody else has the data");
}

#[test]
fn a_change_of_members_goes_on_where_it_can_do_without_it() {
    let renewal = |all: &[u64], replica: u64| {
        let mut state = furnished();
        must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2, 3]), set_members("acme/a", voters(all))]);
        group(&state, "acme/a").renewal(ReplicaId(replica))
    };
    assert_eq!(renewal(&[1, 2, 3, 4], 3), Renewal::Later);
    assert_eq!(renewal(&[1, 2, 3, 4], 4), Renewal::Newcomer);
    assert_eq!(renewal(&[1, 2], 3), Renewal::Later, "it goes");
    assert_eq!(renewal(&[1, 3], 3), Renewal::Member, "one of two is no majority, and two of three are");
    let mut state = furnished();
    must(&mut state, [create("acme/a", "acme/kv@1", &[1, 2]), edit("acme/a", &voters(&[3]), &[], &[])]);
    assert_eq!(group(&state, "acme/a").renewal(ReplicaId(2)), Renewal::Later, "two of three would be left");
    must(&mut state, [set_members("acme/a", voters(&[1, 2]))]);
    assert_eq!(group(&state, "acme/a").renewal(ReplicaId(2)), Renewal::Never);
}
