import { Empty } from '../parts/small.tsx';

/** What a new fleet shows: how its first device comes. */
export function NoDevices() {
  return (
    <Empty
      title="No devices yet"
      commands={[
        ['Make the keys that sign your releases, once', 'nodeos keys init --dir keys'],
        [
          'Write the file that leads devices to this server',
          'nodeos fleet-file create --out fleet.json --auto-approve',
        ],
        ['Build an image for a stick or a virtual machine', 'nodeos build --keys keys --fleet fleet.json'],
      ]}
    >
      A device shows up here by itself as soon as it boots an image with this server’s fleet file.
    </Empty>
  );
}
