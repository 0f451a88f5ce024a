//! `plugin test`: a component through a script.

use super::{
    arguments::PluginTestArguments,
    failure::Failure,
    lines,
    local_plugin::{COMPONENT_BYTES_MAX, spinner, trial_engine},
    output::Output,
    report::TestReport,
};
use crate::{RequestError, api::ApiError};
use quorate_proto::reason;
use quorate_rehearsal::{Script, Subject, Summary};
use quorate_replica::ports::GroupLimits;

/// Longer scripts are not even looked at.
const SCRIPT_BYTES_MAX: usize = 16 << 20;

/// `quorate plugin test`
pub(super) fn run(arguments: &PluginTestArguments, output: Output) -> Result<(), Failure> {
    let bytes = lines::read_whole(&arguments.file, COMPONENT_BYTES_MAX)?;
    let script = lines::read_whole(&arguments.script, SCRIPT_BYTES_MAX)?;
    let script = str::from_utf8(&script)
        .map_err(|error| error.to_string())
        .and_then(|text| Script::parse(text).map_err(|error| error.to_string()))
        .map_err(|why| {
            let message = format!("{} is not a script: {why}", arguments.script.display());
            Failure::new(reason::INVALID_ARGUMENT, message)
                .cure("write it as docs/book/testing-a-plugin.md says")
        })?;
    let spinner = spinner();
    spinner.set_message("compiling and testing");
    let engine = trial_engine()?;
    let compiled = engine.compile(&bytes);
    let plugin = compiled.map_err(|refusal| Failure::from(ApiError::from(RequestError::from(refusal))))?;
    let digest = plugin.checked().digest;
    let outcome =
        quorate_rehearsal::run(&Subject { plugin, digest, limits: GroupLimits::default() }, &script);
    spinner.finish_and_clear();
    let Summary { cases, steps, fuel } = outcome.map_err(|failures| {
        let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let message =
            format!("{} of {} cases went otherwise:\n{}", all.len(), script.cases.len(), all.join("\n"));
        Failure::new(reason::PLUGIN_TEST_FAILED, message).cure("correct the plugin, or the script")
    })?;
    output.print(&TestReport { file: arguments.file.clone(), cases, steps, fuel })
}
