//! An estimate of what the compiler takes for a function.
//!
//! The time of register allocation grows with the square of a function's branches and loops and with the number of
//! locals that are alive across them, and with the cube of the depth of loops: measured, 46 KB of nested loops took four
//! minutes and 120 KB of branches over 4,000 locals took 19 seconds and a gigabyte. Functions of real programs, an
//! interpreter's main loop among them, stay far below what the default limits allow.

use super::PluginLimits;
use super::structure::{at_most, invalid};
use crate::PluginRefusal;
use wasmparser::{FuncValidator, FunctionBody, Operator, ValidatorResources};

/// What the parts of a function take, each unit about 0.2 microseconds; fitted to measurements on wasmtime 48.
mod units {
    /// A function, however short it is.
    pub(super) const FUNCTION: u64 = 500;
    /// A parameter or local of a function.
    pub(super) const LOCAL: u64 = 1;
    /// An instruction, and each value it makes.
    pub(super) const VALUE: u64 = 8;
    /// A value that is alive where control flow parts.
    pub(super) const ALIVE: u64 = 4;
    /// The square of the branches is divided by this.
    pub(super) const BRANCHES_SQUARED_PER_UNIT: u64 = 32;
}

#[derive(Default)]
struct Effort {
    values: u64,
    alive: u64,
    branches: u64,
    loops: u64,
    /// The control frames that are open, and whether each is a loop.
    open: Vec<bool>,
    loop_depth: u64,
    loop_depth_most: u64,
}

impl Effort {
    fn add(&mut self, operator: &Operator<'_>, pushed: u64, alive: u64) {
        self.values = self.values.saturating_add(1 + pushed);
        let branches = match operator {
            Operator::Loop { .. } => {
                self.loops += 1;
                self.loop_depth += 1;
                self.loop_depth_most = self.loop_depth_most.max(self.loop_depth);
                self.open.push(true);
                1
            }
            Operator::Block { .. } | Operator::If { .. } => {
                self.open.push(false);
                1
            }
            Operator::End => {
                if self.open.pop() == Some(true) {
                    self.loop_depth -= 1;
                }
                0
            }
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::Else => 1,
            Operator::BrTable { targets } => 1 + u64::from(targets.len()),
            _ => 0,
        };
        self.branches = self.branches.saturating_add(branches);
        self.alive = self.alive.saturating_add(branches.saturating_mul(alive));
    }

    fn units(&self) -> u64 {
        let squared = |count: u64| count.saturating_mul(count);
        [
            self.values.saturating_mul(units::VALUE),
            self.alive.saturating_mul(units::ALIVE),
            squared(self.loops),
            squared(self.branches) / units::BRANCHES_SQUARED_PER_UNIT,
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// Validates a function and says what compiling it takes, if that is within the limits.
pub(crate) fn validate(
    function: &mut FuncValidator<ValidatorResources>,
    body: &FunctionBody<'_>,
    limits: &PluginLimits,
) -> Result<u64, PluginRefusal> {
    function.read_locals(&mut body.get_binary_reader()).map_err(invalid)?;
    let locals = u64::from(function.len_locals());
    let mut operators = body.get_operators_reader().map_err(invalid)?;
    let mut effort = Effort::default();
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset().map_err(invalid)?;
        let before = u64::from(function.operand_stack_height());
        function.op(offset, &operator).map_err(invalid)?;
        let after = u64::from(function.operand_stack_height());
        effort.add(&operator, after.saturating_sub(before), locals + before.max(after));
    }
    operators.finish().map_err(invalid)?;
    at_most("loops within loops in one function", effort.loop_depth_most, limits.loop_depth_max)?;
    let units = effort.units().saturating_add(units::FUNCTION + locals * units::LOCAL);
    at_most("units of compiling effort in one function", units, limits.function_effort_max)?;
    Ok(units)
}
