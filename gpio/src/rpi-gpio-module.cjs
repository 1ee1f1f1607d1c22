'use strict';
// The package is its one object, which only a CommonJS module can be.
module.exports = require('./rpi-gpio.ts').rpiGpio;
