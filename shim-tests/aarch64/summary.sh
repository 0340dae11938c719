#!/bin/sh
# In the chroot: summary.sh DATE COMMIT: from what the machines said, a report in Markdown, and as its last
# line `N passed, N failed, N skipped`. Fails if a test failed, or none passed.
set -eu
cd /machine
rust=$(rustc --version | cut -d ' ' -f 2)
qemu=$(qemu-system-aarch64 --version | sed -n '1s/.*version \([^ ]*\).*/\1/p')
cat <<END
# The tests on aarch64

On $1, of $2, by \`shim-tests/aarch64.sh\`: cross-built by Debian's Rust $rust, run under QEMU $qemu.

END
cat ./*.tests.log | awk '
    /^machine: / { sub("machine: ", ""); print "* " $0 }
    /^result: / {
        column = $2 " " $3
        if (!(column in known)) { known[column] = 1; columns[++width] = column }
        if (!($4 in tests)) { tests[$4] = 1; names[++count] = $4 }
        cell[column, $4] = $5 " / " $6 " / " $7
        passed += $5; failed += $6; skipped += $7; seconds[$2] += $8
    }
    /^failed: / { sub("failed: ", ""); failures[++failure] = $0 }
    /^skipped: / { sub("skipped: ", ""); skips[++skip] = $0 }
    END {
        for (machine in seconds)
            printf "* %s: %d minutes\n", machine, seconds[machine] / 60
        print "\nPassed / failed / skipped, of each test program, in processes of each libc:\n"
        line = "| test |"; rule = "| --- |"
        for (i = 1; i <= width; i++) { line = line " " columns[i] " |"; rule = rule " ---: |" }
        print line "\n" rule
        for (t = 1; t <= count; t++) {
            line = "| " names[t] " |"
            for (i = 1; i <= width; i++)
                line = line " " ((columns[i], names[t]) in cell ? cell[columns[i], names[t]] : "–") " |"
            print line
        }
        if (failure) print "\n## Failed\n"
        for (i = 1; i <= failure; i++) print "* " failures[i]
        if (skip) print "\n## Skipped, in whole or in part\n"
        for (i = 1; i <= skip; i++) print "* " skips[i]
        printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0 || passed == 0
    }'
