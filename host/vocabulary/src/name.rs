//! Names people give: `tenant/name` for groups and plugins, `tenant/name@version` for one version of a plugin.
//!
//! A part is 1 to 63 characters of `a-z`, `0-9` and `-`, and begins and ends with a letter or a digit, as a DNS
//! label does (RFC 1123), so that it can stand in a host name, a metric's label and a file name unescaped.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, str::FromStr, sync::Arc};

/// The longest a tenant's, group's or plugin's part of a name may be, in bytes.
pub const NAME_PART_BYTES_MAX: usize = 63;
/// The longest a version may be, in bytes.
pub const VERSION_BYTES_MAX: usize = 63;

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not of the form that is asked for.
    #[error("{text:?} is not of the form {form}")]
    Form {
        /// What was given.
        text: String,
        /// What was expected.
        form: &'static str,
    },
    /// A part holds something else than a name may.
    #[error(
        "{part:?} is not a name: 1 to {NAME_PART_BYTES_MAX} characters of a-z, 0-9 and '-', beginning and ending with a letter or digit"
    )]
    Part {
        /// The part.
        part: String,
    },
    /// A version that is none.
    #[error(
        "{version:?} is not a version: 1 to {VERSION_BYTES_MAX} characters of A-Z, a-z, 0-9, '.', '-' and '+', beginning with a letter or digit"
    )]
    Version {
        /// The version.
        version: String,
    },
}

/// Long input is cut before it stands in an error, which travels to clients and logs.
fn shortened(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    let mut short: String = text.chars().take(CHARACTERS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn check_part(part: &str) -> Result<(), NameError> {
    let edge = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let fits = (1..=NAME_PART_BYTES_MAX).contains(&bytes.len())
        && bytes.iter().all(|&byte| edge(byte) || byte == b'-')
        && bytes.first().is_some_and(|&byte| edge(byte))
        && bytes.last().is_some_and(|&byte| edge(byte));
    if fits { Ok(()) } else { Err(NameError::Part { part: shortened(part) }) }
}

fn split_two(text: &str, form: &'static str) -> Result<(Arc<str>, Arc<str>), NameError> {
    let (tenant, name) =
        text.split_once('/').ok_or_else(|| NameError::Form { text: shortened(text), form })?;
    check_part(tenant)?;
    check_part(name)?;
    Ok((tenant.into(), name.into()))
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! two_part_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            // Shared by all copies: a node with thousands of groups has many of each.
            tenant: Arc<str>,
            name: Arc<str>,
        }

        impl $name {
            /// The tenant's part.
            #[must_use]
            pub fn tenant(&self) -> &str {
                &self.tenant
            }

            /// The part after the tenant's.
            #[must_use]
            pub fn name(&self) -> &str {
                &self.name
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let (tenant, name) = split_two(text, "tenant/name")?;
                Ok(Self { tenant, name })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}/{}", self.tenant, self.name)
            }
        }

        serde_as_text!($name);
    };
}

two_part_name!(
    /// `tenant/name` of a group.
    GroupName
);
two_part_name!(
    /// `tenant/name` of a plugin, without a version.
    PluginName
);

/// A version of a plugin. Versions are compared for equality only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginVersion(Arc<str>);

impl FromStr for PluginVersion {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let bytes = text.as_bytes();
        let fits = (1..=VERSION_BYTES_MAX).contains(&bytes.len())
            && bytes[0].is_ascii_alphanumeric()
            && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
        if fits { Ok(Self(text.into())) } else { Err(NameError::Version { version: shortened(text) }) }
    }
}

impl fmt::Display for PluginVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// `tenant/name@version`: one published plugin, whose bytes never change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginReference {
    /// Which plugin.
    pub name: PluginName,
    /// Which version of it.
    pub version: PluginVersion,
}

impl FromStr for PluginReference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, version) = text
            .split_once('@')
            .ok_or_else(|| NameError::Form { text: shortened(text), form: "tenant/name@version" })?;
        Ok(Self { name: name.parse()?, version: version.parse()? })
    }
}

impl fmt::Display for PluginReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.name, self.version)
    }
}

serde_as_text!(PluginVersion);
serde_as_text!(PluginReference);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_as_they_were_written() {
        for text in ["a/b", "acme/user-directory", &format!("{}/{}", "a".repeat(63), "9".repeat(63))] {
            assert_eq!(text.parse::<GroupName>().expect(text).to_string(), text);
        }
        let reference: PluginReference = "acme/kv@1.2.0-rc.1+build".parse().expect("a reference");
        assert_eq!(reference.name.tenant(), "acme");
        assert_eq!(reference.to_string(), "acme/kv@1.2.0-rc.1+build");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = format!("a/{}", "b".repeat(NAME_PART_BYTES_MAX + 1));
        for text in ["", "/", "a", "a/", "/b", "a/b/c", "A/b", "a/b_c", "-a/b", "a/b-", "a/b\n", "a/é", &long]
        {
            assert!(text.parse::<GroupName>().is_err(), "{text:?}");
        }
        for text in ["a/b", "a/b@", "a/b@-1", "a/b@1 0", "a/b@1@2"] {
            assert!(text.parse::<PluginReference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_error_repeats_only_the_beginning_of_long_input() {
        let error = "x".repeat(1_000_000).parse::<GroupName>().expect_err("too long");
        assert!(error.to_string().len() < 300);
    }
}
