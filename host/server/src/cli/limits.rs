//! `--limit NAME=NUMBER`: the limits of a group by name.

use quorate_proto::v1::GroupLimits;

macro_rules! limits {
    ($($name:ident),*) => {
        /// Every limit that can be set.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];

        /// Limits of which these are set and all others are left to the default.
        #[must_use]
        pub(crate) fn to_message(limits: &[(String, u64)]) -> GroupLimits {
            let mut message = GroupLimits::default();
            for (name, value) in limits {
                match name.as_str() {
                    $(stringify!($name) => message.$name = Some(*value),)*
                    // Refused when it was parsed.
                    _ => {}
                }
            }
            message
        }

        /// Every limit of a group with its value.
        #[must_use]
        pub(crate) fn all(limits: &GroupLimits) -> Vec<(&'static str, u64)> {
            vec![$((stringify!($name), limits.$name.unwrap_or_default())),*]
        }
    };
}

quorate_replica::with_group_limits!(limits);

/// Reads `NAME=NUMBER`; digits may be grouped by `_`.
pub(crate) fn parse(text: &str) -> Result<(String, u64), String> {
    let (name, number) = text.split_once('=').ok_or("it is not of the form NAME=NUMBER")?;
    if !NAMES.contains(&name) {
        return Err(format!("there is no limit {name:?}; there are {}", NAMES.join(", ")));
    }
    let number = number.replace('_', "").parse().map_err(|_| format!("{number:?} is not a number"))?;
    Ok((name.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_set_by_name_and_all_others_are_left_alone() {
        let limits =
            ["command_bytes_max=65_536", "events_per_command_max=0"].map(|text| parse(text).expect(text));
        let message = to_message(&limits);
        assert_eq!((message.command_bytes_max, message.events_per_command_max), (Some(65_536), Some(0)));
        assert_eq!(message.reply_bytes_max, None);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        assert!(parse("comand_bytes_max=1").expect_err("misspelt").contains("command_bytes_max"));
        assert!(parse("command_bytes_max").is_err());
        assert!(parse("command_bytes_max=-1").is_err());
    }
}
