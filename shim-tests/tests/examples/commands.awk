# The commands in the pages given, one a line: those of the blocks marked sh, without comments, continued
# lines joined. Left out are scripts, and blocks that a comment before them says aren't run.
FNR == 1 { within = unused = 0 }
/^<!-- not run by a test: .* -->$/ { unused = 1; next }
/^```sh$/ && !within { within = 1; first = 1; script = unused; unused = 0; next }
/^```/ { within = unused = 0; next }
!within { if ($0 != "") unused = 0; next }
first { first = 0; if (/^#!/) script = 1 }
script { next }
{
    sub(/(^|[ \t]+)# .*$/, "")
    if (joined != "") sub(/^[ \t]+/, "")
}
/\\$/ { joined = joined substr($0, 1, length($0) - 1); next }
joined $0 != "" { print joined $0; joined = "" }
