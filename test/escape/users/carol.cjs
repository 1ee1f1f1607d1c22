#!/usr/bin/node
// Wants what bob has.
'use strict';
require('node:fs').writeFileSync('/was-started', '');
setInterval(() => {}, 60_000);
