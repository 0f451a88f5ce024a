use crate::components::{script, subject};

pub(crate) fn follows(language: &str, name: &str) {
    let Some(subject) = subject(language, name) else { return };
    if let Err(failures) = quorate_rehearsal::run(&subject, &script(name)) {
        let failures: Vec<String> = failures.iter().map(ToString::to_string).collect();
        panic!("{language}-{name} departs from its script:\n{}", failures.join("\n"));
    }
}
