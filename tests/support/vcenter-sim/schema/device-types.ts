/**
 * Virtual devices and what stands behind them.
 * One line a type: its name, its base (or `-`), its fields in order (`?` optional, `*` many).
 * Source: vSphere Web Services API, urn:vim25/7.0.3.0.
 */
export const deviceTypes = `
VirtualHardware DynamicData numCPU:int numCoresPerSocket:int? memoryMB:int virtualICH7MPresent:boolean?
  virtualSMCPresent:boolean? device:VirtualDevice*?
VirtualDevice DynamicData key:int deviceInfo:Description? backing:VirtualDeviceBackingInfo?
  connectable:VirtualDeviceConnectInfo? slotInfo:VirtualDeviceBusSlotInfo? controllerKey:int?
  unitNumber:int?
VirtualDeviceBackingInfo DynamicData
VirtualDeviceConnectInfo DynamicData migrateConnect:string? startConnected:boolean allowGuestControl:boolean
  connected:boolean status:string?
VirtualDeviceBusSlotInfo DynamicData
VirtualDevicePciBusSlotInfo VirtualDeviceBusSlotInfo pciSlotNumber:int
VirtualDeviceFileBackingInfo VirtualDeviceBackingInfo fileName:string datastore:ManagedObjectReference?
  backingObjectId:string?
VirtualDeviceDeviceBackingInfo VirtualDeviceBackingInfo deviceName:string useAutoDetect:boolean?
VirtualDeviceRemoteDeviceBackingInfo VirtualDeviceBackingInfo deviceName:string useAutoDetect:boolean?
VirtualController VirtualDevice busNumber:int device:int*?
VirtualPCIController VirtualController
VirtualIDEController VirtualController
VirtualSCSIController VirtualController hotAddRemove:boolean? sharedBus:VirtualSCSISharing
  scsiCtlrUnitNumber:int?
ParaVirtualSCSIController VirtualSCSIController
VirtualLsiLogicController VirtualSCSIController
VirtualLsiLogicSASController VirtualSCSIController
VirtualBusLogicController VirtualSCSIController
VirtualSATAController VirtualController
VirtualAHCIController VirtualSATAController
VirtualNVMEController VirtualController
VirtualDisk VirtualDevice capacityInKB:long capacityInBytes:long? shares:SharesInfo?
  storageIOAllocation:StorageIOAllocationInfo? diskObjectId:string?
  vFlashCacheConfigInfo:VirtualDiskVFlashCacheConfigInfo? iofilter:string*? vDiskId:ID?
  nativeUnmanagedLinkedClone:boolean? independentFilters:VirtualMachineBaseIndependentFilterSpec*?
VirtualDiskFlatVer1BackingInfo VirtualDeviceFileBackingInfo diskMode:string split:boolean?
  writeThrough:boolean? contentId:string? parent:VirtualDiskFlatVer1BackingInfo?
VirtualDiskFlatVer2BackingInfo VirtualDeviceFileBackingInfo diskMode:string split:boolean?
  writeThrough:boolean? thinProvisioned:boolean? eagerlyScrub:boolean? uuid:string? contentId:string?
  changeId:string? parent:VirtualDiskFlatVer2BackingInfo? deltaDiskFormat:string? digestEnabled:boolean?
  deltaGrainSize:int? deltaDiskFormatVariant:string? sharing:string? keyId:CryptoKeyId?
VirtualDiskSparseVer2BackingInfo VirtualDeviceFileBackingInfo diskMode:string split:boolean?
  writeThrough:boolean? spaceUsedInKB:long? uuid:string? contentId:string? changeId:string?
  parent:VirtualDiskSparseVer2BackingInfo? keyId:CryptoKeyId?
VirtualDiskSeSparseBackingInfo VirtualDeviceFileBackingInfo diskMode:string writeThrough:boolean?
  uuid:string? contentId:string? changeId:string? parent:VirtualDiskSeSparseBackingInfo?
  deltaDiskFormat:string? digestEnabled:boolean? grainSize:int? keyId:CryptoKeyId?
VirtualDiskRawDiskVer2BackingInfo VirtualDeviceDeviceBackingInfo descriptorFileName:string uuid:string?
  changeId:string? sharing:string?
VirtualDiskRawDiskMappingVer1BackingInfo VirtualDeviceFileBackingInfo lunUuid:string? deviceName:string?
  compatibilityMode:string? diskMode:string? uuid:string? contentId:string? changeId:string?
  parent:VirtualDiskRawDiskMappingVer1BackingInfo? deltaDiskFormat:string? deltaGrainSize:int?
  sharing:string?
VirtualEthernetCard VirtualDevice addressType:string? macAddress:string? wakeOnLanEnabled:boolean?
  resourceAllocation:VirtualEthernetCardResourceAllocation? externalId:string?
  uptCompatibilityEnabled:boolean?
VirtualE1000 VirtualEthernetCard
VirtualE1000e VirtualEthernetCard
VirtualVmxnet VirtualEthernetCard
VirtualVmxnet3 VirtualVmxnet
VirtualEthernetCardNetworkBackingInfo VirtualDeviceDeviceBackingInfo network:ManagedObjectReference?
  inPassthroughMode:boolean?
VirtualCdrom VirtualDevice
VirtualCdromIsoBackingInfo VirtualDeviceFileBackingInfo
VirtualCdromAtapiBackingInfo VirtualDeviceDeviceBackingInfo
VirtualCdromRemotePassthroughBackingInfo VirtualDeviceRemoteDeviceBackingInfo exclusive:boolean
VirtualMachineVideoCard VirtualDevice videoRamSizeInKB:long? numDisplays:int? useAutoDetect:boolean?
  enable3DSupport:boolean? use3dRenderer:string? graphicsMemorySizeInKB:long?
SharesInfo DynamicData shares:int level:SharesLevel
StorageIOAllocationInfo DynamicData limit:long? shares:SharesInfo? reservation:int?
ID DynamicData id:string
ResourceAllocationInfo DynamicData reservation:long? expandableReservation:boolean? limit:long?
  shares:SharesInfo? overheadLimit:long?
`;
