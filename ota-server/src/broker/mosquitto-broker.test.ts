import { openAuthority } from '../authority.ts';
import { mosquittoMissing, startMosquitto } from '../testing/mosquitto.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { testOwnBroker } from './own-broker.suite.ts';

testOwnBroker(
  'mosquitto',
  async (context) => {
    const keys = await temporaryFolder(context);
    const authority = await openAuthority(keys);
    const { devicePort, serverPort, kill } = await startMosquitto(await temporaryFolder(context), authority);
    context.after(() => kill());
    return { authority, keys, devicePort, serverPort, questionsPort: 0 };
  },
  async () => {},
  mosquittoMissing(),
);
