use super::*;

fn step(text: &str) -> Result<(Step, Expected), String> {
    let script = Script::parse(&format!("[[case]]\nname = 'c'\nsteps = [{text}]"));
    script.map(|mut script| script.cases.remove(0).steps.remove(0)).map_err(|error| error.to_string())
}

#[test]
fn a_step_says_what_happens_and_what_must_come_of_it() {
    let (found, expected) = step("{ apply = 'add 5', reply = '5', events = ['changed 5'] }").unwrap();
    assert_eq!(found, Step::Apply(vec!["add 5".into()]));
    assert_eq!(expected.answers, Some(vec![Answer::Reply("5".into())]));
    assert_eq!(expected.events, Some(vec!["changed 5".into()]));
    let (found, expected) =
        step("{ entry = ['a', 'b'], answers = [{ rejected = 'no' }, { trapped = '' }] }").unwrap();
    assert_eq!(found, Step::Apply(vec!["a".into(), "b".into()]));
    assert_eq!(expected.answers, Some(vec![Answer::Rejected("no".into()), Answer::Trapped(String::new())]));
    let (found, _) = step("{ migrate-store = [['a', '1']], from = 2, query = 'b' }").unwrap();
    let pairs = [("a".into(), "1".into())].into();
    assert_eq!(found, Step::Migrate { state: FormerState::Pairs(pairs), from: 2, query: Some("b".into()) });
    let (found, _) = step("{ tell = 'configuration-committed 9 voters 1 learners 3' }").unwrap();
    let Step::Tell(LifecycleEvent::ConfigurationCommitted { index: 9, members }) = found else {
        panic!("{found:?}")
    };
    assert_eq!(
        members.iter().map(|member| member.role).collect::<Vec<_>>(),
        [MemberRole::Voter, MemberRole::Learner]
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    for (text, said) in [
        ("{ }", "it does nothing"),
        ("{ apply = 'a', query = 'b' }", "two things"),
        ("{ apply = 'a', reply = 'b', rejected = 'c' }", "ends in one way"),
        ("{ apply = 'a', saved = 'b' }", "`saved` is not for a step"),
        ("{ restart = true, reply = 'b' }", "how a call ends is not for a step"),
        ("{ tell = 'dance' }", "no callback for \"dance\""),
        ("{ tell = 'leader-start' }", "no callback"),
        ("{ apply = { hex = '0' } }", "hexadecimal"),
        ("{ migrate = 'a' }", "say `from` which version"),
        ("{ migrate = 'a', migrate-store = [], from = 1 }", "either saved"),
        ("{ query = 'a', from = 1 }", "only for `migrate`"),
        ("{ load = 'a', migrate = 'b', from = 1 }", "two things"),
        ("{ aply = 'a' }", "unknown field `aply`"),
        ("{ entry = ['a'], answers = [{}] }", "an answer is empty"),
    ] {
        let error = step(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
    assert!(step("{ }").unwrap_err().starts_with("case \"c\", step 1: "));
    assert!(matches!(Script::parse(""), Err(ScriptError::Empty)));
}
