//! Questions to the two plugins.

use super::packages::Packages;
use crate::cli::failure::Failure;
use quorate_client::{Client, Consistency, Outcome, reason};

/// How many pairs are asked for at a time.
const SCAN_PAIRS: u32 = 1000;

/// Before the query with which a scan goes on.
const MORE: &str = "# more: ";

/// That a leader came, as a plugin put it in its group's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotedLeader {
    pub(super) term: u64,
    pub(super) index: u64,
}

/// The number that the counter has.
pub(super) async fn total(client: &Client, group: &str, consistency: Consistency) -> Result<u64, Failure> {
    let text = text(client, group, "get", consistency).await?;
    text.parse().map_err(|_| unexpected(group, &text))
}

/// The leaders that a plugin was told of, the oldest first.
pub(super) async fn leaders(client: &Client, group: &str) -> Result<Vec<NotedLeader>, Failure> {
    let text = text(client, group, "leaders", Consistency::Linearizable).await?;
    text.lines().map(|line| noted_leader(line).ok_or_else(|| unexpected(group, line))).collect()
}

/// Every pair that the kv group holds.
pub(super) async fn pairs(
    client: &Client,
    group: &str,
    consistency: Consistency,
) -> Result<Packages, Failure> {
    let mut pairs = Packages::new();
    let mut next = Some(format!("scan \"\" {SCAN_PAIRS}"));
    while let Some(query) = next {
        let text = text(client, group, &query, consistency).await?;
        next = take_page(&text, &mut pairs).map_err(|line| unexpected(group, line))?;
    }
    Ok(pairs)
}

/// Adds the pairs of a page; returns the query with which to go on, or else the line that is no pair.
fn take_page<'a>(text: &'a str, pairs: &mut Packages) -> Result<Option<String>, &'a str> {
    for line in text.lines() {
        if let Some(query) = line.strip_prefix(MORE) {
            return Ok(Some(query.to_owned()));
        }
        let (name, versions) = line.split_once(' ').ok_or(line)?;
        // A key that comes twice would go on for ever.
        if pairs.insert(name.to_owned(), versions.to_owned()).is_some() {
            return Err(line);
        }
    }
    Ok(None)
}

/// `term 3 at index 17`
fn noted_leader(line: &str) -> Option<NotedLeader> {
    let (term, index) = line.strip_prefix("term ")?.split_once(" at index ")?;
    Some(NotedLeader { term: term.parse().ok()?, index: index.parse().ok()? })
}

async fn text(
    client: &Client,
    group: &str,
    query: &str,
    consistency: Consistency,
) -> Result<String, Failure> {
    match client.query(group, query.to_owned(), consistency).await?.outcome {
        Outcome::Reply(reply) => Ok(String::from_utf8_lossy(&reply).into_owned()),
        other => Err(unexpected(group, &format!("{other:?}"))),
    }
}

fn unexpected(group: &str, answer: &str) -> Failure {
    Failure::new(reason::INTERNAL, format!("{group} answers {answer:?}, which was not expected"))
        .cure("check that --plugins names the plugins of this release")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_noted_leader_is_read() {
        assert_eq!(noted_leader("term 3 at index 17"), Some(NotedLeader { term: 3, index: 17 }));
        for text in ["", "term", "term 3 at index", "term x at index 1", "3 at index 17"] {
            assert_eq!(noted_leader(text), None, "{text}");
        }
    }

    #[test]
    fn pages_are_put_together() {
        let mut pairs = Packages::new();
        let more = take_page("a 1\nb 2\n# more: scan \"\" 2 b", &mut pairs);
        assert_eq!(more, Ok(Some("scan \"\" 2 b".to_owned())));
        assert_eq!(take_page("c 3,4", &mut pairs), Ok(None));
        assert_eq!(
            pairs.into_iter().map(|(name, versions)| name + " " + &versions).collect::<Vec<_>>(),
            ["a 1", "b 2", "c 3,4"]
        );
        assert_eq!(take_page("", &mut Packages::new()), Ok(None), "nothing is there");
    }

    #[test]
    fn a_page_that_makes_no_sense_is_refused() {
        assert_eq!(take_page("a", &mut Packages::new()), Err("a"));
        assert_eq!(take_page("a 1\na 1", &mut Packages::new()), Err("a 1"), "it would never end");
    }
}
