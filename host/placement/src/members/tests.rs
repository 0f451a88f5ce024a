use super::*;

fn member(number: u64, role: MemberRole) -> Member {
    Member { replica: ReplicaId(number), node: NodeId(number * 10), role }
}

fn voters(numbers: &[u64]) -> Vec<Member> {
    numbers.iter().map(|number| member(*number, MemberRole::Voter)).collect()
}

fn learner(number: u64) -> Member {
    member(number, MemberRole::Learner)
}

/// All of them live and have caught up.
fn well(members: &[Member]) -> Vec<MemberFacts> {
    let facts = members.iter().map(|member| MemberFacts {
        member: *member,
        is_live: true,
        matched: member.replica.0,
        is_caught_up: true,
        may_lead: true,
    });
    facts.collect()
}

fn step(now: &[MemberFacts], wanted: &[Member]) -> MembersStep {
    members_step(ReplicaId(1), now, false, wanted)
}

/// Takes step after step, as if each were done at once.
fn walk(mut now: Vec<Member>, wanted: &[Member]) -> Vec<MembersStep> {
    let (mut steps, mut leader) = (Vec::new(), ReplicaId(1));
    loop {
        let step = members_step(leader, &well(&now), false, wanted);
        steps.push(step.clone());
        match step {
            MembersStep::Propose(next) => now = next,
            MembersStep::HandOver(to) => leader = to,
            MembersStep::Done | MembersStep::Wait(_) => return steps,
        }
        assert!(steps.len() < 10, "{steps:?}");
    }
}

#[test]
fn a_voter_that_is_added_is_a_learner_first() {
    let joined = [voters(&[1, 2, 3]), vec![learner(4)]].concat();
    assert_eq!(
        walk(voters(&[1, 2, 3]), &voters(&[1, 2, 3, 4])),
        [MembersStep::Propose(joined), MembersStep::Propose(voters(&[1, 2, 3, 4])), MembersStep::Done]
    );
}

#[test]
fn a_learner_that_is_added_is_done_once_it_is_a_member() {
    let wanted = [voters(&[1]), vec![learner(2)]].concat();
    assert_eq!(walk(voters(&[1]), &wanted), [MembersStep::Propose(wanted.clone()), MembersStep::Done]);
}

#[test]
fn who_leaves_does_so_in_the_change_that_lets_the_new_ones_vote() {
    let joined = [voters(&[1, 2, 3]), vec![learner(4)]].concat();
    assert_eq!(
        walk(voters(&[1, 2, 3]), &voters(&[1, 2, 4])),
        [MembersStep::Propose(joined), MembersStep::Propose(voters(&[1, 2, 4])), MembersStep::Done]
    );
}

#[test]
fn a_leader_that_is_to_go_hands_over_first() {
    assert_eq!(
        walk(voters(&[1, 2, 3]), &voters(&[2, 3])),
        [MembersStep::HandOver(ReplicaId(3)), MembersStep::Propose(voters(&[2, 3])), MembersStep::Done]
    );
}

#[test]
fn when_all_are_exchanged_the_change_itself_hands_over() {
    let steps = walk(voters(&[1]), &voters(&[2]));
    let joined = [voters(&[1]), vec![learner(2)]].concat();
    assert_eq!(steps, [MembersStep::Propose(joined), MembersStep::Propose(voters(&[2])), MembersStep::Done]);
}

#[test]
fn nobody_votes_before_it_has_caught_up() {
    let mut now = well(&[voters(&[1, 2, 3]), vec![learner(4), learner(5)]].concat());
    now[3].is_caught_up = false;
    now[4].is_live = false;
    let waits = MembersStep::Wait(MembersWait::CatchUp(vec![NodeId(40), NodeId(50)]));
    assert_eq!(step(&now, &voters(&[1, 2, 3, 4, 5])), waits);
    assert_eq!(step(&now, &voters(&[1, 4, 5])), waits, "and nobody leaves before");
    // A learner that is wanted as one is not waited for.
    let wanted = [voters(&[1, 2]), vec![learner(4), learner(5)]].concat();
    assert_eq!(step(&now, &wanted), MembersStep::Propose(wanted.clone()));
}

#[test]
fn a_change_that_would_leave_no_majority_waits() {
    let mut now = well(&voters(&[1, 2, 3]));
    now[2].is_live = false;
    let waits = MembersStep::Wait(MembersWait::Majority(vec![NodeId(30)]));
    assert_eq!(step(&now, &voters(&[1, 3])), waits);
    assert_eq!(step(&now, &voters(&[1, 2])), MembersStep::Propose(voters(&[1, 2])), "the dead one may go");
    let MembersStep::Wait(waits) = waits else { unreachable!() };
    assert!(waits.to_string().contains("node 30"), "{waits}");
}

#[test]
fn a_joint_configuration_is_left_before_anything_else() {
    let now = well(&voters(&[1, 2]));
    let wait = MembersStep::Wait(MembersWait::Joint);
    assert_eq!(members_step(ReplicaId(1), &now, true, &voters(&[1])), wait);
    assert_eq!(members_step(ReplicaId(1), &now, true, &voters(&[1, 2])), wait, "it is not done either");
}

#[test]
fn the_order_of_members_does_not_matter() {
    assert_eq!(step(&well(&voters(&[1, 2, 3])), &voters(&[3, 1, 2])), MembersStep::Done);
    assert!(!same_members(&voters(&[1, 2]), &[voters(&[1]), vec![learner(2)]].concat()));
}

#[test]
fn voters_become_learners_in_one_change() {
    let wanted = [voters(&[1, 2]), vec![learner(3)]].concat();
    assert_eq!(walk(voters(&[1, 2, 3]), &wanted), [MembersStep::Propose(wanted.clone()), MembersStep::Done]);
}

#[test]
fn the_leadership_is_handed_to_one_that_may_have_it() {
    let mut now = well(&voters(&[1, 2, 3]));
    // Replica 3 is furthest, and has priority 0.
    now[2].may_lead = false;
    assert_eq!(step(&now, &voters(&[2, 3])), MembersStep::HandOver(ReplicaId(2)));
    let priority = MembersStep::Wait(MembersWait::Priority(vec![NodeId(30)]));
    assert_eq!(step(&now, &voters(&[3])), priority, "nobody would ever lead");
    now[2].may_lead = true;
    assert_eq!(step(&now, &voters(&[3])), MembersStep::HandOver(ReplicaId(3)));
}
