//! What this machine's processor can do.

/// The features that code may be compiled for, as text: code that was compiled where there were others crashes.
pub(super) fn features() -> String {
    let mut found = vec![std::env::consts::ARCH];
    macro_rules! detect {
        ($detected:ident: $($feature:tt)*) => {
            $(if std::arch::$detected!($feature) {
                found.push($feature);
            })*
        };
    }
    #[cfg(target_arch = "x86_64")]
    detect!(is_x86_feature_detected: "sse3" "ssse3" "sse4.1" "sse4.2" "popcnt" "avx" "avx2" "fma" "bmi1" "bmi2" "lzcnt" "avx512f"
        "avx512vl" "avx512dq" "avx512bitalg" "avx512vbmi" "cmpxchg16b");
    #[cfg(target_arch = "aarch64")]
    detect!(is_aarch64_feature_detected: "lse" "paca" "fp16");
    found.join(",")
}
