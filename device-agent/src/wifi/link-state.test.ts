import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeLink, type LinkState, linkFault, nextState, SEARCHING } from './link-state.ts';

const NETWORKS = [{ ssid: 'Workshop' }, { ssid: 'Hall reason=WRONG_KEY' }];
const TRYING = "wlan0: SME: Trying to authenticate with 02:00:00:00:01:00 (SSID='Workshop' freq=2412 MHz)";
const CONNECTED = 'wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00 completed [id=0 id_str=]';
const WRONG_KEY =
  'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="Workshop" auth_failures=1 duration=10 reason=WRONG_KEY';
const REFUSED =
  'wlan0: CTRL-EVENT-SSID-TEMP-DISABLED id=1 ssid="Hall reason=WRONG_KEY" auth_failures=1 duration=10 reason=CONN_FAILED';

function after(...lines: readonly string[]): LinkState {
  return lines.reduce((state, line) => nextState(state, line, NETWORKS), SEARCHING);
}

test('a network that lets the device in is joined', () => {
  assert.deepEqual(after(TRYING), { state: 'joining', ssid: null });
  assert.deepEqual(nextState(SEARCHING, TRYING, [{ ssid: 'Workshop' }]), { state: 'joining', ssid: 'Workshop' });
  assert.deepEqual(after(TRYING, 'wlan0: Associated with 02:00:00:00:01:00', CONNECTED), {
    state: 'joined',
    ssid: 'Workshop',
  });
});

test('a wrong key is told until a network lets the device in', () => {
  const state = { state: 'wrong-key', ssid: 'Workshop' };
  assert.deepEqual(after(TRYING, WRONG_KEY), state);
  const lost = 'wlan0: CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:01:00 reason=15';
  assert.deepEqual(after(TRYING, WRONG_KEY, lost, TRYING, lost), state);
  assert.equal(after(TRYING, WRONG_KEY, TRYING, CONNECTED).state, 'joined');
});

test('another refusal is told as one, whatever the name of the network says', () => {
  assert.deepEqual(after(TRYING, REFUSED), { state: 'refused', ssid: 'Hall reason=WRONG_KEY' });
  const rejected = 'wlan0: CTRL-EVENT-ASSOC-REJECT bssid=02:00:00:00:01:00 status_code=17';
  assert.equal(after(TRYING, rejected).state, 'refused');
});

test('a network that is lost is searched; a failed attempt alone changes nothing', () => {
  const lost = 'wlan0: CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:01:00 reason=4 locally_generated=1';
  assert.deepEqual(after(TRYING, CONNECTED, lost), SEARCHING);
  assert.equal(after(TRYING, lost).state, 'joining');
  assert.equal(after('Successfully initialized wpa_supplicant', 'rfkill: Cannot open RFKILL').state, 'searching');
});

test('what a person can mend has a code; the rest is no fault', () => {
  const code = (state: LinkState['state']) => linkFault({ state, ssid: 'Workshop' }, 'wlan0')?.code ?? null;
  assert.deepEqual(
    (['searching', 'joining', 'joined', 'wrong-key', 'refused', 'not-found', 'failed'] as const).map(code),
    [null, null, null, 'WIFI_KEY_WRONG', 'WIFI_REFUSED', 'WIFI_NOT_FOUND', 'WIFI_FAILED'],
  );
  assert.equal(describeLink({ state: 'wrong-key', ssid: 'Workshop' }), 'wrong passphrase for Workshop');
  assert.equal(describeLink({ state: 'refused', ssid: null }), 'not let in');
  assert.equal(describeLink(SEARCHING), 'searching');
});
