/// What a plugin may be made of. Bounds what a hostile upload can make a node compile, and keeps plugins within
/// what the instance pool has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginLimits {
    /// The longest a plugin may be.
    pub bytes_max: usize,
    /// Core modules, counting those of nested components.
    pub modules_max: u32,
    /// Instances of core modules and nested components that instantiating the plugin may make, estimated from above.
    pub instances_max: u32,
    /// Linear memories of one instance of the plugin.
    pub memories_max: u32,
    /// Tables of one instance of the plugin.
    pub tables_max: u32,
    /// Functions with a body, over all modules.
    pub functions_max: u32,
    /// The longest body of one function.
    pub function_bytes_max: u32,
    /// The most compiling one function may take, in estimated units of about 0.2 microseconds on one core. Bounds memory
    /// as well: a gigabyte at about a hundred million.
    pub function_effort_max: u64,
    /// The most compiling all functions together may take, in the same units.
    pub effort_max: u64,
    /// How deep loops may be nested in one function.
    pub loop_depth_max: u32,
    /// Components nested in the plugin.
    pub components_max: u32,
}

impl Default for PluginLimits {
    /// Room for interpreters of Python and JavaScript, which are the largest plugins known: some 40 MB in some
    /// dozen modules.
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            modules_max: 128,
            instances_max: 512,
            memories_max: 32,
            tables_max: 64,
            functions_max: 200_000,
            function_bytes_max: 1 << 20,
            function_effort_max: 100_000_000,
            effort_max: 500_000_000,
            loop_depth_max: 100,
            components_max: 64,
        }
    }
}
