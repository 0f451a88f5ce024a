use bytes::Bytes;

/// How many commands are derived.
const COUNT: u64 = 48;
/// Words that mean something to many plugins.
const WORDS: [&str; 12] = [
    "get a",
    "set a 1",
    "set b 2",
    "add a 1",
    "add n 5",
    "put a 1",
    "delete a",
    "increment",
    "list",
    "{}",
    "null",
    "a",
];

/// Commands for a plugin of which nothing is known: words, texts and bytes of many lengths, some of them twice. The same
/// ones everywhere.
#[must_use]
pub fn derived_commands() -> Vec<Bytes> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |bound: u64| {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) % bound
    };
    let mut commands = vec![Bytes::new()];
    for place in 1..COUNT {
        let word = usize::try_from(draw(12)).map_or("", |place| WORDS[place]);
        commands.push(match place % 4 {
            0 => (0..draw(40)).map(|_| u8::try_from(draw(256)).unwrap_or_default()).collect(),
            1 => Bytes::from(vec![u8::try_from(draw(256)).unwrap_or_default()]),
            _ => Bytes::from(word),
        });
    }
    commands
}
