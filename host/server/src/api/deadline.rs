use super::ApiConfig;
use crate::node::Deadline;
use std::time::Duration;
use tonic::metadata::MetadataMap;

/// The answer that the time is over must itself arrive in time, or the caller would learn nothing but that.
const ANSWER_MARGIN_MAX: Duration = Duration::from_millis(50);

/// Until when a request may take: what the caller says in `grpc-timeout`, within what the node allows.
pub(super) fn of(metadata: &MetadataMap, config: &ApiConfig) -> Deadline {
    Deadline::after(allowed(metadata.get("grpc-timeout").and_then(|value| value.to_str().ok()), config))
}

fn allowed(header: Option<&str>, config: &ApiConfig) -> Duration {
    match header.and_then(parse) {
        Some(asked) => {
            let asked = asked.min(config.request_timeout_max);
            asked - (asked / 10).min(ANSWER_MARGIN_MAX)
        }
        None => config.request_timeout_default,
    }
}

/// At most eight digits and a unit, as gRPC over HTTP/2 defines it.
fn parse(text: &str) -> Option<Duration> {
    const DIGITS_MAX: usize = 8;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grpc_writes_is_read() {
        assert_eq!(parse("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(parse("2M"), Some(Duration::from_secs(120)));
        assert_eq!(parse("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(parse("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse("5u"), Some(Duration::from_micros(5)));
        assert_eq!(parse("7n"), Some(Duration::from_nanos(7)));
        for text in ["", "S", "1", "-1S", "+1S", "1.5S", "123456789S", "1s", "1é", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_caller_gets_at_most_what_the_node_allows_and_its_answer_in_time() {
        let config = ApiConfig {
            request_timeout_default: Duration::from_secs(3),
            request_timeout_max: Duration::from_secs(20),
            ..ApiConfig::default()
        };
        assert_eq!(allowed(None, &config), Duration::from_secs(3));
        assert_eq!(allowed(Some("nonsense"), &config), Duration::from_secs(3));
        assert_eq!(allowed(Some("1H"), &config), Duration::from_millis(19_950));
        assert_eq!(allowed(Some("100m"), &config), Duration::from_millis(90));
    }
}
